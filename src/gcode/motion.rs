//! How long moves take: straight blocks with look-ahead, each driven as a trapezoid of speed.
//!
//! The model is Marlin's with junction deviation (`planner.cpp`, 2.1). Blocks wait until enough of them are known,
//! then most of them are settled: memory and work for a move are constant. Speeds are kept squared, since what
//! can be reached over a length is linear in them.

/// X, Y, Z and E, in mm, mm/s or mm/s².
pub type Axes = [f64; 4];

/// What the machine can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// mm/s
    pub max_feedrate: Axes,
    /// mm/s²
    pub max_acceleration: Axes,
    /// mm/s², of moves with filament, of filament alone, of moves without filament.
    pub print_acceleration: f64,
    pub retract_acceleration: f64,
    pub travel_acceleration: f64,
    /// mm
    pub junction_deviation: f64,
}

impl Default for Limits {
    /// Marlin's usual build for a Cartesian printer.
    fn default() -> Self {
        Self {
            max_feedrate: [300.0, 300.0, 5.0, 25.0],
            max_acceleration: [3_000.0, 3_000.0, 100.0, 10_000.0],
            print_acceleration: 3_000.0,
            retract_acceleration: 3_000.0,
            travel_acceleration: 3_000.0,
            junction_deviation: 0.013,
        }
    }
}

impl Limits {
    /// Whether `slowed` may change anything, which is seldom: in the plane, no axis has more than all of the speed.
    #[inline(always)]
    fn may_slow(&self, delta: Axes, path: f64, length: f64, speed: f64, acceleration: f64) -> bool {
        let [_, _, z, e] = delta;
        (path > 0.0)
            | (z != 0.0)
            | (speed > lower(self.max_feedrate[0], self.max_feedrate[1]))
            | (acceleration > lower(self.max_acceleration[0], self.max_acceleration[1]))
            | (speed * e.abs() > self.max_feedrate[3] * length)
            | (acceleration * e.abs() > self.max_acceleration[3] * length)
    }

    /// Speed and acceleration of a move such that each axis keeps to its own with its part of the length.
    #[inline(never)]
    fn slowed(&self, delta: Axes, length: f64, mut speed: f64, mut acceleration: f64) -> (f64, f64) {
        for (axis, part) in delta.map(f64::abs).into_iter().enumerate() {
            // Nothing is divided before a limit is passed.
            if speed * part > self.max_feedrate[axis] * length {
                speed = self.max_feedrate[axis].max(SLOWEST) * length / part;
            }
            if acceleration * part > self.max_acceleration[axis] * length {
                acceleration = self.max_acceleration[axis].max(1.0) * length / part;
            }
        }
        (speed, acceleration)
    }
}

/// Blocks that wait, and how many of them are settled at once: twice what a board looks ahead is left, and each is
/// planned little more than once.
const AHEAD: usize = 160;
const SETTLED: usize = 128;
/// mm/s; Marlin's `MINIMUM_PLANNER_SPEED`.
const SLOWEST: f64 = 0.05;

#[derive(Clone, Copy, Debug, Default)]
struct Block {
    length: f64,
    acceleration: f64,
    nominal: f64,
    /// Highest square of the speed that the corner before it bears.
    corner: f64,
    /// Planned square of the speed at its beginning.
    entry: f64,
}

/// Adds up the time of moves, in order.
#[derive(Clone, Debug)]
pub struct Clock {
    limits: Limits,
    waiting: [Block; AHEAD],
    count: usize,
    /// Square of the speed at the beginning of the first waiting block.
    reached: f64,
    /// The move before, and its length with filament.
    delta: Axes,
    norm: f64,
    nominal: f64,
    settled: f64,
}

impl Clock {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: [Block::default(); AHEAD],
            count: 0,
            reached: 0.0,
            delta: [0.0; 4],
            norm: 0.0,
            nominal: 0.0,
            settled: 0.0,
        }
    }

    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Seconds of the moves that are settled: at most 160 moves behind.
    pub fn seconds(&self) -> f64 {
        self.settled
    }

    /// Stands still for so many seconds after the moves before.
    pub fn wait(&mut self, seconds: f64) {
        self.stop();
        if seconds.is_finite() {
            self.settled += seconds.max(0.0);
        }
    }

    /// The moves so far come to a stand.
    pub fn stop(&mut self) {
        self.settle(self.count);
        self.nominal = 0.0;
        self.reached = 0.0;
    }

    /// A move by `delta`, `path` mm long (an arc; 0: straight), at `speed` mm/s.
    #[inline(always)]
    pub fn push(&mut self, delta: Axes, path: f64, speed: f64) {
        let [x, y, z, e] = delta;
        let plane = x * x + y * y + z * z;
        let moves = plane > 0.0 || path > 0.0;
        let length = if path > 0.0 {
            path
        } else if moves {
            plane.sqrt()
        } else {
            e.abs()
        };
        if !(length > 0.0 && length <= f64::MAX) {
            return;
        }
        let limits = &self.limits;
        let mut acceleration = if !moves {
            limits.retract_acceleration
        } else if e != 0.0 {
            limits.print_acceleration
        } else {
            limits.travel_acceleration
        }
        .max(1.0);
        let mut nominal = speed.max(SLOWEST);
        if limits.may_slow([x, y, z, e], path, length, nominal, acceleration) {
            (nominal, acceleration) = limits.slowed([x, y, z, e], length, nominal, acceleration);
        }
        let norm = (plane + e * e).sqrt();
        let bears = if self.nominal <= 0.0 {
            0.0
        } else {
            let before = &self.delta;
            let product = before[0] * x + before[1] * y + before[2] * z + before[3] * e;
            let cosine = product / (self.norm * norm).max(f64::MIN_POSITIVE);
            let slower = lower(nominal, self.nominal);
            lower(corner(cosine, acceleration, limits.junction_deviation), slower * slower)
        };
        (self.delta, self.norm, self.nominal) = ([x, y, z, e], norm, nominal);
        if self.count == AHEAD {
            self.settle(SETTLED);
        }
        self.waiting[self.count] = Block { length, acceleration, nominal, corner: bears, entry: 0.0 };
        self.count += 1;
    }

    /// Plans all that waits, down to a stand at its end, and settles the first `blocks` of it.
    fn settle(&mut self, blocks: usize) {
        let waiting = &mut self.waiting[..self.count];
        let mut exit = 0.0;
        for block in waiting.iter_mut().rev() {
            block.entry = lower(block.corner, exit + 2.0 * block.acceleration * block.length);
            exit = block.entry;
        }
        let mut entry = self.reached.min(waiting.first().map_or(0.0, |block| block.entry));
        let mut slow = entry.sqrt();
        for at in 0..blocks {
            let Block { length, acceleration, nominal, .. } = waiting[at];
            let per_acceleration = 1.0 / acceleration;
            let next = waiting.get(at + 1).map_or(0.0, |block| block.entry);
            let exit = lower(next, entry + 2.0 * acceleration * length);
            let fast = exit.sqrt();
            let top = (2.0 * acceleration * length + entry + exit) * 0.5;
            let seconds = if top >= nominal * nominal {
                let ramps = (2.0 * nominal * nominal - entry - exit).max(0.0) * 0.5 * per_acceleration;
                (2.0 * nominal - slow - fast).max(0.0) * per_acceleration
                    + (length - ramps).max(0.0) / nominal
            } else {
                (2.0 * top.sqrt() - slow - fast).max(0.0) * per_acceleration
            };
            self.settled += seconds;
            (entry, slow) = (exit, fast);
        }
        self.reached = entry;
        waiting.copy_within(blocks.., 0);
        self.count -= blocks;
    }
}

/// As `f64::min` of two numbers, without its care for what is none.
fn lower(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The square of the speed at which a corner may be taken.
fn corner(cosine: f64, acceleration: f64, deviation: f64) -> f64 {
    // Half the angle of the corner, as the circle that touches both its sides sees it.
    let sine = ((1.0 + cosine) * 0.5).max(0.0).sqrt();
    if sine > 0.999_999 {
        return f64::INFINITY;
    }
    (acceleration * deviation * sine / (1.0 - sine)).max(SLOWEST * SLOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(moves: &[(f64, f64)]) -> f64 {
        let mut clock = Clock::new(Limits::default());
        for (x, speed) in moves {
            clock.push([*x, 0.0, 0.0, 0.0], 0.0, *speed);
        }
        clock.stop();
        clock.seconds()
    }

    #[test]
    fn a_straight_line_in_pieces_takes_as_long_as_in_one() {
        let whole = time(&[(100.0, 100.0)]);
        assert!((whole - (1.0 + 100.0 / 3_000.0)).abs() < 1e-9, "{whole}");
        let pieces = time(&[(0.5, 100.0); 200]);
        assert!((pieces - whole).abs() < 1e-6, "{pieces}");
    }

    #[test]
    fn turning_back_costs_a_stop_and_a_slow_axis_holds_back_the_move() {
        let there_and_back = time(&[(10.0, 100.0), (-10.0, 100.0)]);
        assert!((there_and_back - 2.0 * (0.1 + 100.0 / 3_000.0)).abs() < 1e-3, "{there_and_back}");
        let mut clock = Clock::new(Limits::default());
        clock.push([0.0, 0.0, 10.0, 0.0], 0.0, 100.0);
        clock.stop();
        assert!((clock.seconds() - 2.05).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_move_that_is_not_looked_at_axis_by_axis_passes_no_limit(
            delta in proptest::array::uniform4(prop_oneof![Just(0.0), -50.0..50.0, -0.1..0.1]),
            path in prop_oneof![3 => Just(0.0), 1 => 0.1..100.0],
            speed in prop_oneof![Just(150.0), 0.05..600.0],
            acceleration in prop_oneof![Just(1_000.0), 1.0..9_000.0],
        ) {
            let limits = Limits {
                max_feedrate: [150.0, 200.0, 5.0, 25.0],
                max_acceleration: [1_000.0, 3_000.0, 100.0, 5_000.0],
                ..Limits::default()
            };
            let plane = delta[0] * delta[0] + delta[1] * delta[1] + delta[2] * delta[2];
            let straight = if plane > 0.0 { f64::sqrt(plane) } else { f64::abs(delta[3]) };
            let length = if path > 0.0 { path } else { straight };
            if !limits.may_slow(delta, path, length, speed, acceleration) {
                prop_assert_eq!(limits.slowed(delta, length, speed, acceleration), (speed, acceleration));
            }
        }
    }

    #[test]
    fn no_move_makes_time_run_backwards_or_end() {
        let mut clock = Clock::new(Limits::default());
        for bad in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
            clock.push([bad, 1.0, 0.0, 0.0], 0.0, bad);
            clock.push([1.0, 0.0, 0.0, bad], bad, 10.0);
            clock.wait(bad);
        }
        assert!(clock.seconds() >= 0.0);
    }
}
