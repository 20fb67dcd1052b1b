//! Moves take their time: a queue of straight blocks with look-ahead, each driven as a trapezoid of speed.
//!
//! Simpler than the real thing in four ways: steps are not counted, a block that has begun keeps its exit
//! speed, an arc is one block as long as the arc, and jerk is replaced by junction deviation alone.
//! What a host can observe is kept: how many blocks are free, when one becomes free, and that a queue fed
//! too slowly brakes at its last block and then stands still.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// X, Y, Z and E, in mm or mm/s or mm/s².
pub type Axes = [f64; 4];

/// Whether moves take time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// A move is over when it begins; for tests of the link alone.
    Instant,
    /// Moves take the time that their speeds allow.
    Real,
}

/// What the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Highest speed of each axis, mm/s.
    pub max_feedrate: Axes,
    /// Highest acceleration of each axis, mm/s².
    pub max_acceleration: Axes,
    /// Acceleration of printing moves, mm/s².
    pub print_acceleration: f64,
    /// Acceleration of moves of the filament alone, mm/s².
    pub retract_acceleration: f64,
    /// Acceleration of moves without filament, mm/s².
    pub travel_acceleration: f64,
    /// How far a corner may be cut in the model of corner speeds, mm.
    pub junction_deviation: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_feedrate: [300.0, 300.0, 5.0, 25.0],
            max_acceleration: [3000.0, 3000.0, 100.0, 10_000.0],
            print_acceleration: 3000.0,
            retract_acceleration: 3000.0,
            travel_acceleration: 3000.0,
            junction_deviation: 0.013,
        }
    }
}

/// The first move waits this long for company, so that the look-ahead has something to look at.
const FIRST_MOVE_DELAY_US: u64 = 100_000;

/// With this many moves there is company enough.
const ENOUGH_MOVES: usize = 3;

/// Speed below which a block need not slow down further, mm/s.
const MINIMUM_SPEED: f64 = 0.05;

#[derive(Debug, Clone)]
struct Block {
    from: Axes,
    to: Axes,
    length: f64,
    direction: Axes,
    nominal: f64,
    acceleration: f64,
    /// Highest speed at which the corner before it may be taken.
    junction: f64,
    /// Planned speed at its beginning.
    entry: f64,
}

/// The block under way, whose speeds are settled.
#[derive(Debug, Clone)]
struct Running {
    block: Block,
    begun_us: u64,
    ends_us: u64,
    exit: f64,
}

/// Counts what went through the planner since it was last asked.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Moves carried out to their end.
    pub finished: u64,
    /// Times it ran empty before the next move of the same stretch.
    pub underruns: u64,
    /// How long it stood empty, µs.
    pub stall_us: u64,
}

/// The queue of moves.
#[derive(Debug, Clone)]
pub struct Planner {
    limits: Limits,
    usable_blocks: usize,
    waiting: VecDeque<Block>,
    running: Option<Running>,
    /// When the first block of an idle machine may start.
    hold_until_us: Option<u64>,
    /// When it ran empty in the middle of a stretch of moves.
    empty_since_us: Option<u64>,
    /// The stretch of moves has ended on purpose.
    stretch_ended: bool,
    position: Axes,
    tally: Tally,
    /// Since when nothing moves because something is stuck.
    stalled_us: Option<u64>,
}

impl Planner {
    /// A planner with a ring of `blocks`, one of which stays unused.
    pub fn new(limits: Limits, blocks: usize) -> Self {
        Self {
            limits,
            usable_blocks: blocks.saturating_sub(1).max(1),
            waiting: VecDeque::new(),
            running: None,
            hold_until_us: None,
            empty_since_us: None,
            stretch_ended: false,
            position: [0.0; 4],
            tally: Tally::default(),
            stalled_us: None,
        }
    }

    /// What the machine can do.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same, to be changed by `M201` to `M205`; it holds from the next move on.
    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Blocks that could still be taken.
    pub fn free(&self) -> usize {
        self.usable_blocks - self.usable_blocks.min(self.occupied())
    }

    /// Whether nothing moves and nothing waits to move.
    pub fn is_idle(&self) -> bool {
        self.occupied() == 0
    }

    /// When it next has something to do.
    pub fn poll_timeout(&self) -> Option<u64> {
        match &self.running {
            _ if self.stalled_us.is_some() => None,
            Some(running) => Some(running.ends_us),
            None if self.waiting.is_empty() => None,
            None => Some(self.hold_until_us.unwrap_or(0)),
        }
    }

    /// What happened since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Where the head is now, mm of the machine.
    pub fn actual_position(&self, now_us: u64) -> Axes {
        let Some(running) = &self.running else {
            return self.position;
        };
        let now_us = self.stalled_us.map_or(now_us, |stalled_us| stalled_us.min(now_us));
        let total = running.ends_us.saturating_sub(running.begun_us).max(1) as f64;
        let share = (now_us.saturating_sub(running.begun_us) as f64 / total).min(1.0);
        std::array::from_fn(|axis| {
            running.block.from[axis] + (running.block.to[axis] - running.block.from[axis]) * share
        })
    }

    /// Tells where the head is, after homing, a reset or an instant move.
    pub fn set_position(&mut self, position: Axes) {
        self.position = position;
    }

    /// Takes a move that is `path_mm` long (0: the straight distance). Call only while a block is free.
    pub fn push(&mut self, now_us: u64, from: Axes, to: Axes, path_mm: f64, feedrate: f64) {
        let delta: Axes = std::array::from_fn(|axis| to[axis] - from[axis]);
        let straight = delta[..3].iter().map(|part| part * part).sum::<f64>().sqrt();
        let length = if path_mm > 0.0 {
            path_mm
        } else if straight > 0.0 {
            straight
        } else {
            delta[3].abs()
        };
        if length <= 0.0 {
            return;
        }
        let on_purpose = std::mem::take(&mut self.stretch_ended);
        if let Some(since_us) = self.empty_since_us.take().filter(|_| !on_purpose) {
            self.tally.underruns += 1;
            self.tally.stall_us += now_us.saturating_sub(since_us);
        }
        let direction: Axes = std::array::from_fn(|axis| delta[axis] / length);
        let block = self.block(from, to, length, direction, straight, feedrate);
        if self.is_idle() {
            self.hold_until_us = Some(now_us + FIRST_MOVE_DELAY_US);
        }
        self.waiting.push_back(block);
        if self.waiting.len() >= ENOUGH_MOVES {
            self.hold_until_us = self.hold_until_us.map(|_| now_us);
        }
        self.plan();
        self.advance(now_us);
    }

    fn block(
        &self,
        from: Axes,
        to: Axes,
        length: f64,
        direction: Axes,
        straight: f64,
        feedrate: f64,
    ) -> Block {
        let limits = &self.limits;
        let wanted_acceleration = if straight <= 0.0 {
            limits.retract_acceleration
        } else if direction[3] != 0.0 {
            limits.print_acceleration
        } else {
            limits.travel_acceleration
        };
        let (mut nominal, mut acceleration) = (feedrate.max(MINIMUM_SPEED), wanted_acceleration.max(1.0));
        for (axis, share) in direction.map(f64::abs).into_iter().enumerate() {
            if share > 0.0 {
                nominal = nominal.min(limits.max_feedrate[axis].max(MINIMUM_SPEED) / share);
                acceleration = acceleration.min(limits.max_acceleration[axis].max(1.0) / share);
            }
        }
        let previous = self.waiting.back().or_else(|| self.running.as_ref().map(|running| &running.block));
        let junction = previous.map_or(0.0, |previous| {
            corner_speed(previous, &direction, acceleration, limits.junction_deviation)
                .min(previous.nominal)
                .min(nominal)
        });
        Block { from, to, length, direction, nominal, acceleration, junction, entry: 0.0 }
    }

    /// Sets the entry speed of every waiting block: backwards so that each can brake, forwards so that each can reach it.
    fn plan(&mut self) {
        let mut exit = 0.0;
        for block in self.waiting.iter_mut().rev() {
            block.entry = block.junction.min(reachable(exit, block.acceleration, block.length));
            exit = block.entry;
        }
        // A block that has begun keeps its exit speed, and so the first waiting one its entry speed.
        let mut reached = self.running.as_ref().map_or(0.0, |running| running.exit);
        for block in &mut self.waiting {
            block.entry = block.entry.min(reached);
            reached = reachable(block.entry, block.acceleration, block.length);
        }
    }

    /// Ends and begins blocks up to now.
    pub fn advance(&mut self, now_us: u64) {
        if self.stalled_us.is_some() {
            return;
        }
        loop {
            if let Some(running) = &self.running {
                if running.ends_us > now_us {
                    return;
                }
                let ended_us = running.ends_us;
                self.position = running.block.to;
                self.running = None;
                self.tally.finished += 1;
                if self.waiting.is_empty() {
                    self.empty_since_us = Some(ended_us);
                    return;
                }
                self.begin(ended_us);
            } else {
                let ready_us = self.hold_until_us.unwrap_or(0);
                if self.waiting.is_empty() || ready_us > now_us {
                    return;
                }
                self.hold_until_us = None;
                self.begin(if ready_us == 0 { now_us } else { ready_us });
            }
        }
    }

    fn begin(&mut self, begun_us: u64) {
        let Some(block) = self.waiting.pop_front() else {
            return;
        };
        let next_entry = self.waiting.front().map_or(0.0, |next| next.entry);
        let exit = next_entry.min(reachable(block.entry, block.acceleration, block.length));
        let seconds = trapezoid_seconds(&block, exit);
        self.running = Some(Running { ends_us: begun_us + micros(seconds), block, begun_us, exit });
    }

    /// The stretch of moves ends here on purpose: standing still before the next move is nobody's fault.
    pub fn end_stretch(&mut self) {
        self.stretch_ended = true;
    }

    /// Drops all moves at once; the head stays where it is.
    pub fn stop(&mut self, now_us: u64) {
        self.position = self.actual_position(now_us);
        self.running = None;
        self.waiting.clear();
        self.hold_until_us = None;
        self.empty_since_us = None;
    }

    /// Whether an axis turns now.
    pub fn moves_axis(&self, axis: usize) -> bool {
        let turns = |running: &Running| running.block.direction[axis] != 0.0;
        self.stalled_us.is_none() && self.running.as_ref().is_some_and(turns)
    }

    /// What moves stands still from now on, and its end never comes.
    pub fn stall(&mut self, now_us: u64) {
        self.stalled_us.get_or_insert(now_us);
    }

    /// It goes on where it stopped.
    pub fn unstall(&mut self, now_us: u64) {
        let Some(stalled_us) = self.stalled_us.take() else {
            return;
        };
        let stood_us = now_us.saturating_sub(stalled_us);
        if let Some(running) = &mut self.running {
            running.begun_us += stood_us;
            running.ends_us += stood_us;
        }
        self.hold_until_us = self.hold_until_us.map(|until_us| until_us + stood_us);
        self.advance(now_us);
    }

    /// Blocks that move or wait to.
    pub(crate) fn occupied(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time, never negative; saturates")]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).ceil() as u64
}

/// The speed that can be reached from `speed` over a length.
fn reachable(speed: f64, acceleration: f64, length: f64) -> f64 {
    (speed * speed + 2.0 * acceleration * length).sqrt()
}

fn corner_speed(previous: &Block, direction: &Axes, acceleration: f64, deviation: f64) -> f64 {
    let norm = |axes: &Axes| axes.iter().map(|part| part * part).sum::<f64>().sqrt().max(1e-9);
    let product: f64 = (0..4).map(|axis| previous.direction[axis] * direction[axis]).sum();
    let cosine = (product / (norm(&previous.direction) * norm(direction))).clamp(-1.0, 1.0);
    if cosine < -0.999_999 {
        return MINIMUM_SPEED;
    }
    // The circle that touches both sides of the corner at the allowed deviation sets the speed.
    let sine_half = ((1.0 + cosine) / 2.0).sqrt();
    if sine_half > 0.999_999 {
        return f64::INFINITY;
    }
    (acceleration * deviation * sine_half / (1.0 - sine_half)).sqrt()
}

/// How long a block takes from its entry speed to `exit`, in seconds.
fn trapezoid_seconds(block: &Block, exit: f64) -> f64 {
    let Block { entry, nominal, acceleration, length, .. } = *block;
    let speeding = (nominal * nominal - entry * entry).max(0.0) / (2.0 * acceleration);
    let braking = (nominal * nominal - exit * exit).max(0.0) / (2.0 * acceleration);
    if speeding + braking <= length {
        let cruise = (length - speeding - braking) / nominal;
        return (nominal - entry).max(0.0) / acceleration + cruise + (nominal - exit).max(0.0) / acceleration;
    }
    let peak = ((2.0 * acceleration * length + entry * entry + exit * exit) / 2.0).sqrt().max(MINIMUM_SPEED);
    ((peak - entry).max(0.0) + (peak - exit).max(0.0)) / acceleration
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(planner: &mut Planner, now_us: u64, from_x: f64, to_x: f64, speed: f64) {
        planner.push(now_us, [from_x, 0.0, 0.0, 0.0], [to_x, 0.0, 0.0, 0.0], 0.0, speed);
    }

    fn drain(planner: &mut Planner) -> u64 {
        let mut now_us = 0;
        while let Some(next_us) = planner.poll_timeout() {
            now_us = next_us;
            planner.advance(now_us);
        }
        now_us
    }

    #[test]
    fn a_hundred_millimetres_at_a_hundred_a_second_take_a_second_and_the_ramps() {
        let mut planner = Planner::new(Limits::default(), 16);
        line(&mut planner, 0, 0.0, 100.0, 100.0);
        let seconds = (drain(&mut planner) - FIRST_MOVE_DELAY_US) as f64 / 1e6;
        assert!((seconds - (1.0 + 100.0 / 3000.0)).abs() < 1e-3, "{seconds}");
    }

    #[test]
    fn a_straight_line_in_pieces_takes_as_long_as_in_one() {
        let mut planner = Planner::new(Limits::default(), 16);
        for piece in 0..10 {
            line(&mut planner, 0, f64::from(piece) * 10.0, f64::from(piece + 1) * 10.0, 100.0);
        }
        let seconds = drain(&mut planner) as f64 / 1e6;
        assert!((seconds - (1.0 + 100.0 / 3000.0)).abs() < 0.05, "{seconds}");
        assert_eq!(planner.take_tally().finished, 10);
    }

    #[test]
    fn turning_back_costs_a_stop() {
        let mut planner = Planner::new(Limits::default(), 16);
        line(&mut planner, 0, 0.0, 10.0, 100.0);
        line(&mut planner, 0, 10.0, 0.0, 100.0);
        line(&mut planner, 0, 0.0, 10.0, 100.0);
        let seconds = drain(&mut planner) as f64 / 1e6;
        assert!((seconds - 3.0 * (0.1 + 100.0 / 3000.0)).abs() < 0.01, "{seconds}");
    }

    #[test]
    fn fifteen_moves_fill_a_ring_of_sixteen() {
        let mut planner = Planner::new(Limits::default(), 16);
        for piece in 0..15 {
            assert_eq!(planner.free(), 15 - piece);
            line(&mut planner, 0, piece as f64 * 100.0, (piece + 1) as f64 * 100.0, 10.0);
        }
        assert_eq!(planner.free(), 0);
    }

    #[test]
    fn a_slow_axis_holds_back_the_whole_move() {
        let mut planner = Planner::new(Limits::default(), 16);
        planner.push(0, [0.0; 4], [0.0, 0.0, 10.0, 0.0], 0.0, 100.0);
        let seconds = (drain(&mut planner) - FIRST_MOVE_DELAY_US) as f64 / 1e6;
        assert!((seconds - 2.05).abs() < 0.01, "{seconds}");
    }

    #[test]
    fn running_dry_is_counted_when_the_next_move_comes_and_not_before() {
        let mut planner = Planner::new(Limits::default(), 16);
        line(&mut planner, 0, 0.0, 10.0, 100.0);
        let ended_us = drain(&mut planner);
        assert_eq!(planner.take_tally().underruns, 0);
        line(&mut planner, ended_us + 500_000, 10.0, 20.0, 100.0);
        let tally = planner.take_tally();
        assert_eq!((tally.underruns, tally.stall_us), (1, 500_000));
        planner.advance(ended_us + 5_000_000);
        planner.end_stretch();
        line(&mut planner, ended_us + 9_000_000, 20.0, 30.0, 100.0);
        assert_eq!(planner.take_tally().underruns, 0);
    }
}
