//! The next layers decoded and packed while one is lit, by a worker with a fixed number of buffers.
//!
//! ```text
//!            ┌──────── window: the layer wanted next, and those after it ────────┐
//! free buffer ─▶ decoded ─▶ packed ─▶ ready ─take─▶ Picture ─drop─▶ free buffer
//!                    └──── error: kept for its layer until a jump
//! ```

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::clock::{self, Monotonic};
use crate::pack::{Packed, Packer};

/// Draws the picture of a layer.
pub trait Decode: Send {
    /// `picture` has the panel's logical points, row by row from the upper left, and is dark.
    fn decode(&mut self, layer: u32, picture: &mut [u8]) -> Result<(), DecodeError>;
}

impl<Function> Decode for Function
where
    Function: FnMut(u32, &mut [u8]) -> Result<(), DecodeError> + Send,
{
    fn decode(&mut self, layer: u32, picture: &mut [u8]) -> Result<(), DecodeError> {
        self(layer, picture)
    }
}

/// Why a layer has no picture, in words for a person.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// Layers that can be decoded ahead: memory is this and one more packed pictures, and one grey one.
pub const DEPTHS: std::ops::RangeInclusive<u8> = 1..=8;
/// Times that are kept for who asks.
const TIMES_KEPT: usize = 256;

/// How long a layer took the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerTime {
    pub layer: u32,
    pub decode: Duration,
    /// Packing and hashing.
    pub pack: Duration,
}

/// Why there is no picture.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AheadError {
    #[error("layer {layer} is none of the job, it has {} to {}", .layers.start, i64::from(.layers.end) - 1)]
    NoSuchLayer { layer: u32, layers: Range<u32> },
    #[error("layer {layer} has no picture: {error}")]
    Decode { layer: u32, error: DecodeError },
    #[error("layer {layer} was not decoded in time")]
    TooLate { layer: u32 },
    #[error("waiting for layer {layer} was given up")]
    Interrupted { layer: u32 },
    #[error("no more layers are decoded: {why}")]
    Ended { why: String },
    #[error("{depth} layers cannot be decoded ahead: give {} to {}", DEPTHS.start(), DEPTHS.end())]
    Depth { depth: u8 },
    #[error("the thread that decodes cannot be started: {why}")]
    Thread { why: String },
}

struct State {
    layers: Range<u32>,
    depth: u32,
    /// The layer wanted next; it and those after it are the window.
    want: u32,
    free: Vec<Packed>,
    ready: BTreeMap<u32, Result<Ready, DecodeError>>,
    /// Counts jumps: what was begun before one is thrown away.
    jumps: u64,
    times: VecDeque<LayerTime>,
    stop: bool,
    /// Why the worker will decode nothing more.
    ended: Option<String>,
    /// The worker has let go of the decoder.
    gone: bool,
}

struct Ready {
    picture: Packed,
    time: LayerTime,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, left: Option<Duration>) -> MutexGuard<'a, State> {
        clock::wait(&self.changed, state, left)
    }
}

impl State {
    fn window(&self) -> Range<u32> {
        self.want..self.layers.end.min(self.want.saturating_add(self.depth))
    }

    /// Wants another layer next; what is ready and still within the window stays.
    fn aim(&mut self, layer: u32) {
        self.want = layer;
        let window = self.window();
        let outside: Vec<u32> = self.ready.keys().copied().filter(|layer| !window.contains(layer)).collect();
        for layer in outside {
            self.discard(layer);
        }
    }

    fn discard(&mut self, layer: u32) {
        if let Some(Ok(ready)) = self.ready.remove(&layer) {
            self.free.push(ready.picture);
        }
    }

    /// What the worker does next, and into which buffer.
    fn next(&mut self) -> Option<(u32, Packed)> {
        let layer = self.window().find(|layer| !self.ready.contains_key(layer))?;
        // Pictures that are kept outside must not let the wanted layer starve behind later ones.
        if self.free.is_empty() && layer == self.want {
            let furthest =
                self.ready.iter().rev().find(|(_, ready)| ready.is_ok()).map(|(layer, _)| *layer)?;
            self.discard(furthest);
        }
        Some((layer, self.free.pop()?))
    }

    fn keep_time(&mut self, time: LayerTime) {
        if self.times.len() == TIMES_KEPT {
            self.times.pop_front();
        }
        self.times.push_back(time);
    }
}

/// Decodes the layers of one job ahead. When it is dropped, its thread ends after the layer that it is at.
pub struct Ahead {
    shared: Arc<Shared>,
}

impl fmt::Debug for Ahead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        formatter.debug_struct("Ahead").field("layers", &state.layers).field("want", &state.want).finish()
    }
}

impl Ahead {
    /// Begins at the first of `layers` at once; `depth` of them are decoded ahead.
    pub fn start(
        decoder: impl Decode + 'static,
        packer: Packer,
        layers: Range<u32>,
        depth: u8,
    ) -> Result<Self, AheadError> {
        if !DEPTHS.contains(&depth) {
            return Err(AheadError::Depth { depth });
        }
        let state = State {
            want: layers.start,
            layers,
            depth: u32::from(depth),
            free: (0..=depth).map(|_| packer.dark()).collect(),
            ready: BTreeMap::new(),
            jumps: 0,
            times: VecDeque::new(),
            stop: false,
            ended: None,
            gone: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let worker = Worker { shared: Arc::clone(&shared), decoder: Some(decoder), packer };
        thread::Builder::new()
            .name("mask-ahead".into())
            .spawn(move || worker.run())
            .map_err(|error| AheadError::Thread { why: error.to_string() })?;
        Ok(Self { shared })
    }

    /// The picture of a layer, waited for until then, or until `interrupted` says so after a
    /// [`Ahead::nudge`]. Then the layer after it is wanted. A layer out of turn is gone to, and those in
    /// between are skipped. The error of a layer is told as often as it is asked for; a jump lets it be tried
    /// again.
    pub fn take(
        &self,
        layer: u32,
        until: Monotonic,
        interrupted: impl Fn() -> bool,
    ) -> Result<Picture, AheadError> {
        let mut state = self.shared.lock();
        if !state.layers.contains(&layer) {
            return Err(AheadError::NoSuchLayer { layer, layers: state.layers.clone() });
        }
        if state.want != layer {
            state.aim(layer);
            self.shared.changed.notify_all();
        }
        loop {
            if interrupted() {
                return Err(AheadError::Interrupted { layer });
            }
            match state.ready.get(&layer) {
                Some(Err(error)) => return Err(AheadError::Decode { layer, error: error.clone() }),
                Some(Ok(_)) => {
                    if let Some(Ok(Ready { picture, time })) = state.ready.remove(&layer) {
                        state.aim(layer.saturating_add(1));
                        self.shared.changed.notify_all();
                        let shared = Arc::clone(&self.shared);
                        return Ok(Picture { picture: Some(picture), time, shared });
                    }
                }
                None => {}
            }
            if let Some(why) = &state.ended {
                return Err(AheadError::Ended { why: why.clone() });
            }
            let left = until.left();
            if left.is_zero() {
                return Err(AheadError::TooLate { layer });
            }
            state = self.shared.wait(state, Some(left));
        }
    }

    /// Goes on at another layer, or at the same one anew: nothing that was decoded before is kept, no error
    /// either.
    pub fn jump(&self, layer: u32) {
        let mut state = self.shared.lock();
        let all: Vec<u32> = state.ready.keys().copied().collect();
        for layer in all {
            state.discard(layer);
        }
        state.jumps += 1;
        state.want = layer.clamp(state.layers.start, state.layers.end);
        self.shared.changed.notify_all();
    }

    /// Lets whoever waits in [`Ahead::take`] ask whether it is interrupted.
    pub fn nudge(&self) {
        let _state = self.shared.lock();
        self.shared.changed.notify_all();
    }

    /// What layers took since this was last asked, the last 256 of them at most.
    #[must_use]
    pub fn times(&self) -> Vec<LayerTime> {
        self.shared.lock().times.drain(..).collect()
    }

    /// Which layers are decoded and wait, in order.
    #[must_use]
    pub fn ready(&self) -> Vec<u32> {
        self.shared.lock().ready.iter().filter(|(_, ready)| ready.is_ok()).map(|(layer, _)| *layer).collect()
    }

    /// Ends it; false where the decoder did not come back within that time. Then it is let go of once it
    /// does.
    #[must_use]
    pub fn stop(self, within: Duration) -> bool {
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
        true
    }

    fn ask_to_stop(&self) {
        let mut state = self.shared.lock();
        state.stop = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.ask_to_stop();
    }
}

/// A picture that is lent; its buffer goes back when it is dropped.
pub struct Picture {
    /// Taken out only when it is dropped.
    picture: Option<Packed>,
    time: LayerTime,
    shared: Arc<Shared>,
}

impl Picture {
    /// `None` never, as long as it lives.
    #[must_use]
    pub fn packed(&self) -> Option<&Packed> {
        self.picture.as_ref()
    }

    #[must_use]
    pub fn time(&self) -> LayerTime {
        self.time
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Picture").field("time", &self.time).finish_non_exhaustive()
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        if let Some(picture) = self.picture.take() {
            self.shared.lock().free.push(picture);
            self.shared.changed.notify_all();
        }
    }
}

struct Worker<Decoder> {
    shared: Arc<Shared>,
    /// Let go of before anybody hears that the worker is gone.
    decoder: Option<Decoder>,
    packer: Packer,
}

impl<Decoder: Decode> Worker<Decoder> {
    fn run(mut self) {
        while let Some((layer, jumps, buffer)) = self.next() {
            let decoded = catch_unwind(AssertUnwindSafe(|| self.decode(layer, buffer)));
            let mut state = self.shared.lock();
            match decoded {
                Ok((buffer, result)) => {
                    if let Ok(time) = result {
                        state.keep_time(time);
                    }
                    let of_use = state.jumps == jumps && state.window().contains(&layer);
                    match (of_use, result) {
                        (true, Ok(time)) => {
                            state.ready.insert(layer, Ok(Ready { picture: buffer, time }));
                        }
                        (true, Err(error)) => {
                            state.free.push(buffer);
                            state.ready.insert(layer, Err(error));
                        }
                        (false, _) => state.free.push(buffer),
                    }
                }
                Err(panic) => {
                    state.ended = Some(format!("the decoder broke at layer {layer}: {}", said(&*panic)));
                    state.stop = true;
                }
            }
            self.shared.changed.notify_all();
        }
    }

    /// Waits for something to do; `None` at the end.
    fn next(&self) -> Option<(u32, u64, Packed)> {
        let mut state = self.shared.lock();
        loop {
            if state.stop {
                return None;
            }
            if let Some((layer, buffer)) = state.next() {
                return Some((layer, state.jumps, buffer));
            }
            state = self.shared.wait(state, None);
        }
    }

    fn decode(&mut self, layer: u32, mut buffer: Packed) -> (Packed, Result<LayerTime, DecodeError>) {
        let Some(decoder) = &mut self.decoder else {
            return (buffer, Err(DecodeError("its decoder is gone".into())));
        };
        let began = Monotonic::now();
        let mut decode = Duration::ZERO;
        let filled = self.packer.fill(&mut buffer, |picture| {
            let began = Monotonic::now();
            let drawn = decoder.decode(layer, picture);
            decode = Monotonic::now().since(began);
            drawn
        });
        let pack = Monotonic::now().since(began).saturating_sub(decode);
        (buffer, filled.map(|()| LayerTime { layer, decode, pack }))
    }
}

impl<Decoder> Drop for Worker<Decoder> {
    fn drop(&mut self) {
        let decoder = self.decoder.take();
        // A decoder that panics once more when it is dropped must not keep anybody waiting.
        let _panic = catch_unwind(AssertUnwindSafe(|| drop(decoder)));
        let mut state = self.shared.lock();
        state.gone = true;
        if state.ended.is_none() {
            state.ended = Some("it was stopped".into());
        }
        self.shared.changed.notify_all();
    }
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").to_owned()
}

#[cfg(test)]
mod tests;
