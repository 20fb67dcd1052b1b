//! One display and what is shown on it, behind requests and answers: whoever asks never waits, and what goes
//! wrong ends dark.
//!
//! ```text
//! request ─▶ queue ─▶ waiting for its picture ─▶ in the display ─▶ answer
//!                │             │                       └─ beyond its bound ─▶ Failed(Hung); then dark
//!                └─────────────┴─ a blank or stop came later ─▶ Failed(Overtaken)
//! ```
//! Each request that was accepted gets exactly one answer, with the request's number. A display that panics
//! is blanked, let go of, and takes nothing more.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::ahead::{Ahead, AheadError, Decode, LayerTime, said};
use crate::clock::{self, Monotonic};
use crate::pack::{LogicalHash, PackError, Packer, Panel, Size};
use crate::sink::{Geometry, Label, MaskSink, Shown, SinkError};

/// Requests that may wait.
const QUEUE: usize = 16;

/// The number of a request, from 1; 0 is the blank with which every display begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// How a display is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long the display may take for one picture, or to get dark, until it counts as hung.
    pub display: Duration,
    /// Layers decoded ahead ([`crate::ahead::DEPTHS`]).
    pub depth: u8,
}

/// What became of a request.
#[derive(Debug)]
pub enum Answer {
    /// This layer is out.
    Shown {
        sequence: Sequence,
        layer: u32,
        label: Label,
        shown: Shown,
        logical: LogicalHash,
        prepared: LayerTime,
    },
    Blanked {
        sequence: Sequence,
        shown: Shown,
    },
    /// The display was let go of; `dark` where it was dark then.
    Stopped {
        sequence: Sequence,
        dark: bool,
    },
    /// `dark` where it is certain that the display was dark after it; otherwise it is unknown what is out.
    Failed {
        sequence: Sequence,
        why: Failure,
        dark: bool,
    },
}

impl Answer {
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        match self {
            Self::Shown { sequence, .. }
            | Self::Blanked { sequence, .. }
            | Self::Stopped { sequence, .. }
            | Self::Failed { sequence, .. } => *sequence,
        }
    }
}

/// Why a request was not done.
#[derive(Debug, Error)]
pub enum Failure {
    #[error("the picture of layer {layer} was not decoded within {} ms", .within.as_millis())]
    TooLate { layer: u32, within: Duration },
    #[error(transparent)]
    Picture(AheadError),
    #[error("a later request to be dark or to stop came first")]
    Overtaken,
    #[error(transparent)]
    Display(SinkError),
    #[error("the display did not answer within {} ms; it is made dark once it does", .bound.as_millis())]
    Hung { bound: Duration },
    #[error("the display's driver broke: {what}")]
    Panicked { what: String },
    #[error("the display was let go of before")]
    Ended,
}

/// Why a request was not accepted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    #[error("{QUEUE} requests wait for the display already")]
    Full,
    #[error("no job is loaded whose layers could be shown")]
    NoJob,
    #[error("the display does not answer; it is made dark as soon as it does")]
    Hung,
    #[error("the display was let go of")]
    Ended,
}

/// Why a display cannot be driven.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StartError {
    #[error(transparent)]
    Panel(#[from] PackError),
    #[error("the bound of a display must be above zero")]
    Bound,
    #[error("{0} layers cannot be decoded ahead")]
    Depth(u8),
    #[error("a thread for the display cannot be started: {0}")]
    Thread(String),
}

enum What {
    Show { job: Arc<Ahead>, layer: u32, label: Label, within: Duration },
    Blank,
    Stop,
}

struct Request {
    sequence: Sequence,
    what: What,
}

/// What the display's thread is at.
enum Doing {
    /// Nothing that the display could hang in.
    Own,
    /// The display was called, and hangs if it is not back by then.
    Display { until: Monotonic },
    /// It was not back by then.
    Hung,
}

struct State {
    queue: VecDeque<Request>,
    /// The request that is being done, and has no answer yet.
    current: Option<Sequence>,
    /// The job in which it waits for its picture.
    waits_in: Option<Arc<Ahead>>,
    doing: Doing,
    next: u64,
    /// Nothing more is taken.
    ending: bool,
    /// The thread has let go of the display.
    gone: bool,
    dark: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// The newest request that is not to wait for a picture: shows before it are given up.
    overtaken: AtomicU64,
    bound: Duration,
    answers: Box<dyn Fn(Answer) + Send + Sync>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, left: Option<Duration>) -> MutexGuard<'a, State> {
        clock::wait(&self.changed, state, left)
    }

    fn is_overtaken(&self, sequence: Sequence) -> bool {
        self.overtaken.load(Ordering::SeqCst) > sequence.0
    }

    /// Where whoever takes the answer panics, there is nobody to tell.
    fn tell(&self, answer: Answer) {
        let _panic = catch_unwind(AssertUnwindSafe(|| (self.answers)(answer)));
    }

    fn fail(&self, sequence: Sequence, why: Failure, dark: bool) {
        self.tell(Answer::Failed { sequence, why, dark });
    }

    /// Calls the display under the bound. `None` where it was given up meanwhile: then it is dark or unknown,
    /// and whoever asked was told so.
    fn call<T>(&self, display: impl FnOnce() -> T) -> Option<T> {
        self.enter(Doing::Display { until: Monotonic::now().after(self.bound) });
        let result = display();
        let mut state = self.lock();
        let hung = matches!(state.doing, Doing::Hung);
        state.doing = Doing::Own;
        (!hung).then_some(result)
    }

    fn enter(&self, doing: Doing) {
        self.lock().doing = doing;
        self.changed.notify_all();
    }

    /// Watches over the display until it was let go of.
    fn watch(&self) {
        let mut state = self.lock();
        while !state.gone {
            let until = match state.doing {
                Doing::Display { until } => until,
                Doing::Own | Doing::Hung => {
                    state = self.wait(state, None);
                    continue;
                }
            };
            let left = until.left();
            if !left.is_zero() {
                state = self.wait(state, Some(left));
                continue;
            }
            state.doing = Doing::Hung;
            state.dark = false;
            let current = state.current.take();
            let waiting: Vec<Sequence> = state.queue.drain(..).map(|request| request.sequence).collect();
            // Told with the lock held: nothing that comes later is answered before.
            for sequence in current.into_iter().chain(waiting) {
                self.fail(sequence, Failure::Hung { bound: self.bound }, false);
            }
        }
    }
}

/// A display that is driven by a thread of its own. When it is dropped the display is made dark and let go
/// of, without waiting for it; [`Shower::end`] waits.
pub struct Shower {
    shared: Arc<Shared>,
    job: Mutex<Option<Arc<Ahead>>>,
    geometry: Geometry,
    panel: Panel,
    depth: u8,
}

impl fmt::Debug for Shower {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shower").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

impl Shower {
    /// Takes a display and makes it dark: the first answer is that of sequence 0. `answers` is called by
    /// threads of ours, in the order of the requests, and must not wait nor ask for anything: it puts the
    /// answer into a channel.
    pub fn start(
        sink: impl MaskSink + 'static,
        panel: Panel,
        bounds: Bounds,
        answers: impl Fn(Answer) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let geometry = sink.geometry();
        Packer::new(panel, geometry.mode, geometry.format, geometry.sha256)?;
        if bounds.display.is_zero() {
            return Err(StartError::Bound);
        }
        if !crate::ahead::DEPTHS.contains(&bounds.depth) {
            return Err(StartError::Depth(bounds.depth));
        }
        let state = State {
            queue: VecDeque::from([Request { sequence: Sequence(0), what: What::Blank }]),
            current: None,
            waits_in: None,
            doing: Doing::Own,
            next: 1,
            ending: false,
            gone: false,
            dark: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            overtaken: AtomicU64::new(0),
            bound: bounds.display,
            answers: Box::new(answers),
        });
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let failed = |error: std::io::Error| StartError::Thread(error.to_string());
        let driver = Driver { shared: Arc::clone(&shared), sink: Some(sink), panicked: None };
        let watched = Arc::clone(&shared);
        thread("mask-watch").spawn(move || watched.watch()).map_err(failed)?;
        // Where this thread cannot be had, `driver` is dropped, which ends the one that watches.
        thread("mask-show").spawn(move || driver.run()).map_err(failed)?;
        Ok(Self { shared, job: Mutex::new(None), geometry, panel, depth: bounds.depth })
    }

    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What pictures measure, in points.
    #[must_use]
    pub fn logical(&self) -> Size {
        self.panel.logical()
    }

    /// Begins to decode the layers of a job, in place of the one before.
    pub fn load(&self, layers: Range<u32>, decoder: impl Decode + 'static) -> Result<(), AheadError> {
        let Geometry { mode, format, sha256 } = self.geometry;
        let packer = Packer::new(self.panel, mode, format, sha256)
            .map_err(|error| AheadError::Ended { why: error.to_string() })?;
        // The buffers of the one before go first.
        self.unload();
        let ahead = Ahead::start(decoder, packer, layers, self.depth)?;
        *self.job() = Some(Arc::new(ahead));
        Ok(())
    }

    /// Lets go of the job's decoder and buffers; what is shown stays.
    pub fn unload(&self) {
        let _before = self.job().take();
    }

    /// Goes on at another layer of the job, or at the same one anew ([`Ahead::jump`]).
    pub fn jump(&self, layer: u32) {
        if let Some(job) = &*self.job() {
            job.jump(layer);
        }
    }

    /// What layers took since this was last asked ([`Ahead::times`]).
    #[must_use]
    pub fn times(&self) -> Vec<LayerTime> {
        self.job().as_ref().map(|job| job.times()).unwrap_or_default()
    }

    /// Wants a layer of the loaded job out, and waits for its picture no longer than `within`.
    pub fn show(&self, layer: u32, label: Label, within: Duration) -> Result<Sequence, Refused> {
        let job = self.job().clone().ok_or(Refused::NoJob)?;
        self.ask(What::Show { job, layer, label, within })
    }

    /// Wants it dark, before any show that still waits: those have failed then.
    pub fn blank(&self) -> Result<Sequence, Refused> {
        self.ask(What::Blank)
    }

    /// Wants it dark and let go of. Nothing is accepted after it.
    pub fn stop(&self) -> Result<Sequence, Refused> {
        self.ask(What::Stop)
    }

    /// Stops it, and waits for that no longer than `within`. Whether it was dark when it was let go of; false
    /// where it is not known.
    #[must_use]
    pub fn end(&self, within: Duration) -> bool {
        let until = Monotonic::now().after(within);
        self.ask_to_stop();
        let mut state = self.shared.lock();
        while !state.gone {
            let left = until.left();
            if left.is_zero() {
                return false;
            }
            state = self.shared.wait(state, Some(left));
        }
        state.dark
    }

    fn job(&self) -> MutexGuard<'_, Option<Arc<Ahead>>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, what: What) -> Result<Sequence, Refused> {
        let mut state = self.shared.lock();
        if state.ending || state.gone {
            return Err(Refused::Ended);
        }
        let stops = matches!(what, What::Stop);
        if matches!(state.doing, Doing::Hung) {
            state.ending = stops;
            return Err(Refused::Hung);
        }
        let overtakes = !matches!(what, What::Show { .. });
        let sequence = Sequence(state.next);
        // Those that are overtaken are answered by the display's thread, in their turn, so that they need no
        // room here.
        let alike = |request: &&Request| matches!(request.what, What::Show { .. }) != overtakes;
        if state.queue.iter().filter(alike).count() >= QUEUE && !stops {
            return Err(Refused::Full);
        }
        state.next += 1;
        state.ending = stops;
        state.queue.push_back(Request { sequence, what });
        if overtakes {
            self.shared.overtaken.store(sequence.0, Ordering::SeqCst);
        }
        let waits_in = state.waits_in.clone().filter(|_| overtakes);
        drop(state);
        self.shared.changed.notify_all();
        // It asks itself before it waits, so that one which only begins to wait now is not missed.
        if let Some(job) = waits_in {
            job.nudge();
        }
        Ok(sequence)
    }

    fn ask_to_stop(&self) {
        // Refused only where it has ended or is ending already.
        let _refused = self.stop();
    }
}

impl Drop for Shower {
    fn drop(&mut self) {
        self.ask_to_stop();
    }
}

/// The display's own thread.
struct Driver<Sink: MaskSink> {
    shared: Arc<Shared>,
    sink: Option<Sink>,
    panicked: Option<String>,
}

impl<Sink: MaskSink> Driver<Sink> {
    fn run(mut self) {
        let mut sequence = None;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| sequence = self.serve())) {
            self.panicked = Some(said(&*panic));
        }
        // Whatever ended it, the last thing that the display hears is to be dark.
        let dark = catch_unwind(AssertUnwindSafe(|| self.dark())).unwrap_or(false);
        self.shared.lock().dark = dark;
        self.let_go();
        if let Some(sequence) = sequence.filter(|_| self.finish()) {
            self.shared.tell(Answer::Stopped { sequence, dark });
        }
    }

    /// Until it is told to stop; then the number of that request.
    fn serve(&mut self) -> Option<Sequence> {
        loop {
            let Request { sequence, what } = self.next()?;
            match what {
                What::Stop => return Some(sequence),
                What::Blank => self.blank(sequence),
                What::Show { job, layer, label, within } => self.show(sequence, &job, layer, label, within),
            }
        }
    }

    /// `None` where it ends and the request to do so has its answer already: the display was hung then.
    fn next(&self) -> Option<Request> {
        let mut state = self.shared.lock();
        loop {
            if let Some(request) = state.queue.pop_front() {
                state.current = Some(request.sequence);
                return Some(request);
            }
            if state.ending {
                return None;
            }
            state = self.shared.wait(state, None);
        }
    }

    /// Whether the request that is being done still has no answer; from now on it counts as answered.
    fn finish(&self) -> bool {
        self.shared.lock().current.take().is_some()
    }

    fn answer(&self, answer: Answer) {
        if self.finish() {
            (self.shared.answers)(answer);
        }
    }

    fn show(&mut self, sequence: Sequence, job: &Arc<Ahead>, layer: u32, label: Label, within: Duration) {
        let until = Monotonic::now().after(within);
        self.shared.lock().waits_in = Some(Arc::clone(job));
        let taken = job.take(layer, until, || self.shared.is_overtaken(sequence));
        self.shared.lock().waits_in = None;
        let failure = match taken {
            Ok(picture) if self.shared.is_overtaken(sequence) => {
                drop(picture);
                Failure::Overtaken
            }
            Ok(picture) => match (picture.packed(), self.sink.as_mut()) {
                (Some(packed), Some(sink)) => {
                    self.shared.lock().dark = false;
                    match self.shared.call(|| sink.show(packed, &label)) {
                        Some(Ok(shown)) => {
                            let (logical, prepared) = (packed.logical(), picture.time());
                            // Its buffer is free for another layer before anybody hears of it.
                            drop(picture);
                            self.answer(Answer::Shown { sequence, layer, label, shown, logical, prepared });
                            return;
                        }
                        Some(Err(error)) => Failure::Display(error),
                        None => Failure::Hung { bound: self.shared.bound },
                    }
                }
                _ => Failure::Ended,
            },
            Err(AheadError::TooLate { layer }) => Failure::TooLate { layer, within },
            Err(AheadError::Interrupted { .. }) => Failure::Overtaken,
            Err(error) => Failure::Picture(error),
        };
        // An earlier picture may be out still; nobody is to cure with it. Who overtook it makes it dark at
        // once.
        let overtaken = matches!(failure, Failure::Overtaken);
        let dark = if overtaken { self.shared.lock().dark } else { self.dark() };
        self.answer(Answer::Failed { sequence, why: failure, dark });
    }

    fn blank(&mut self, sequence: Sequence) {
        match self.call_blank() {
            Some(Ok(shown)) => self.answer(Answer::Blanked { sequence, shown }),
            Some(Err(error)) => {
                self.answer(Answer::Failed { sequence, why: Failure::Display(error), dark: false });
            }
            // It came back late, and was told apart from all that came since: dark once more, to be sure.
            None => {
                self.dark();
            }
        }
    }

    fn dark(&mut self) -> bool {
        matches!(self.call_blank(), Some(Ok(_)))
    }

    fn call_blank(&mut self) -> Option<Result<Shown, SinkError>> {
        let sink = self.sink.as_mut()?;
        let called = self.shared.call(|| sink.blank());
        self.shared.lock().dark = matches!(called, Some(Ok(_)));
        called
    }

    fn let_go(&mut self) {
        let sink = self.sink.take();
        if catch_unwind(AssertUnwindSafe(|| self.shared.call(|| drop(sink)))).is_err() {
            self.shared.enter(Doing::Own);
        }
    }
}

impl<Sink: MaskSink> Drop for Driver<Sink> {
    fn drop(&mut self) {
        self.let_go();
        let mut state = self.shared.lock();
        state.gone = true;
        state.doing = Doing::Own;
        let dark = state.dark;
        let current = state.current.take();
        let waiting: Vec<Sequence> = state.queue.drain(..).map(|request| request.sequence).collect();
        drop(state);
        self.shared.changed.notify_all();
        if let Some(sequence) = current {
            let why = match self.panicked.take() {
                Some(what) => Failure::Panicked { what },
                None => Failure::Ended,
            };
            self.shared.fail(sequence, why, dark);
        }
        for sequence in waiting {
            self.shared.fail(sequence, Failure::Ended, dark);
        }
    }
}

#[cfg(test)]
mod tests;
