//! How long moves take: straight blocks with look-ahead, each driven as a trapezoid of speed.
//!
//! The model is Marlin's with junction deviation (`planner.cpp`, 2.1). Blocks wait until enough of them are known,
//! then most of them are settled: memory and work for a move are constant. Speeds are kept squared, since what
//! can be reached over a length is linear in them.

use wide::{f32x4, f64x4};

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
    /// Squares are compared, so that no root is drawn for it; what is near says yes.
    #[inline(always)]
    fn may_slow(&self, delta: Axes, path: f64, square: f64, speed: f64, acceleration: f64) -> bool {
        let [_, _, z, e] = delta;
        let (near, filament) = (square * (1.0 - 1e-9), e * e);
        let [fastest, steepest] = [self.max_feedrate[3], self.max_acceleration[3]];
        (path > 0.0)
            | (z != 0.0)
            | (speed > lower(self.max_feedrate[0], self.max_feedrate[1]))
            | (acceleration > lower(self.max_acceleration[0], self.max_acceleration[1]))
            | (speed * speed * filament > fastest * fastest * near)
            | (acceleration * acceleration * filament > steepest * steepest * near)
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

/// Blocks that are taken together.
const LANES: usize = 4;
const GROUPS: usize = AHEAD / LANES;

/// One number for each waiting block.
type Each<T> = [T; AHEAD];
/// One more behind them, and room for a whole group of those.
type EachEnd = [f64; AHEAD + LANES];

/// What waits, block by block. Roots and quotients take long: they are left for `prepare`, which takes many at once.
#[derive(Clone, Debug)]
struct Waiting {
    count: usize,
    /// Of the first so many, `length` and `corner` are known; whole groups.
    prepared: usize,
    /// Of the length.
    square: Each<f64>,
    length: Each<f64>,
    acceleration: Each<f64>,
    nominal: Each<f64>,
    /// Square of the lower speed of the move and the one before it.
    slower: Each<f64>,
    /// Of both: the scalar product, and the product of their squares. For a corner, seven digits are enough.
    product: Each<f32>,
    squares: Each<f32>,
    /// Highest square of the speed that the corner before it bears.
    corner: Each<f64>,
}

impl Waiting {
    const NONE: Self = Self {
        count: 0,
        prepared: 0,
        square: [0.0; AHEAD],
        length: [0.0; AHEAD],
        acceleration: [0.0; AHEAD],
        nominal: [0.0; AHEAD],
        slower: [0.0; AHEAD],
        product: [0.0; AHEAD],
        squares: [0.0; AHEAD],
        corner: [0.0; AHEAD],
    };

    /// Draws the roots of all that has come since. What is behind the last of it is worked out with it, for nothing.
    fn prepare(&mut self, deviation: f64) {
        let groups = self.count.div_ceil(LANES).min(GROUPS);
        for group in self.prepared / LANES..groups {
            let at = group * LANES;
            let length = f64x4::new(four(&self.square, at)).sqrt();
            self.length[at..at + LANES].copy_from_slice(length.as_array());
            let share = corner(four(&self.product, at), four(&self.squares, at)).map(f64::from);
            let bears = f64x4::new(four(&self.acceleration, at)) * deviation * f64x4::new(share);
            let corner = bears.max(f64x4::splat(SLOWEST * SLOWEST)).min(f64x4::new(four(&self.slower, at)));
            self.corner[at..at + LANES].copy_from_slice(corner.as_array());
        }
        self.prepared = self.count;
    }

    /// Plans all of it, from a speed and down to a stand at its end. Seconds of the first `blocks`, and the speed
    /// behind them; speeds are squared.
    fn plan(&self, reached: f64, blocks: usize) -> (f64, f64) {
        let count = self.count.min(AHEAD);
        let blocks = blocks.min(count);
        let mut reach = [0.0; AHEAD];
        for (at, reach) in reach.iter_mut().enumerate() {
            *reach = 2.0 * self.acceleration[at] * self.length[at];
        }
        // Of each block's beginning; first as its end allows, then as the block before allows, too.
        let mut square: EachEnd = [0.0; AHEAD + LANES];
        let mut behind = 0.0;
        for at in (0..count).rev() {
            behind = lower(self.corner[at], behind + reach[at]);
            square[at] = behind;
        }
        let mut before = lower(reached, square[0]);
        square[0] = before;
        for at in 0..blocks {
            before = lower(square[at + 1], before + reach[at]);
            square[at + 1] = before;
        }
        let mut speed: EachEnd = [0.0; AHEAD + LANES];
        for at in (0..=blocks).step_by(LANES) {
            speed[at..at + LANES].copy_from_slice(f64x4::new(four(&square, at)).sqrt().as_array());
        }
        let (mut whole, mut rest) = (f64x4::splat(0.0), 0.0);
        for at in (0..blocks).step_by(LANES) {
            let [entry, exit] = [four(&square, at), four(&square, at + 1)].map(f64x4::new);
            let both = f64x4::new(four(&speed, at)) + f64x4::new(four(&speed, at + 1));
            let [reach, length] = [four(&reach, at), four(&self.length, at)].map(f64x4::new);
            let nominal = f64x4::new(four(&self.nominal, at));
            let per_acceleration = f64x4::splat(1.0) / f64x4::new(four(&self.acceleration, at));
            let (none, fastest) = (f64x4::splat(0.0), nominal * nominal);
            let top = (reach + entry + exit) * 0.5;
            let ramps = (fastest * 2.0 - entry - exit).max(none) * 0.5 * per_acceleration;
            let even = (length - ramps).max(none) / nominal;
            let is_even = top.simd_ge(fastest);
            let highest = top.min(fastest).sqrt();
            let ramps = (highest * 2.0 - both).max(none) * per_acceleration;
            let seconds = ramps + is_even.select(even, none);
            match blocks - at {
                1..LANES => rest = seconds.as_array()[..blocks - at].iter().sum(),
                _ => whole += seconds,
            }
        }
        (whole.reduce_add() + rest, square[blocks])
    }

    /// The first `blocks` are done with.
    fn forget(&mut self, blocks: usize) {
        for each in [&mut self.length, &mut self.acceleration, &mut self.nominal, &mut self.corner] {
            each.copy_within(blocks.., 0);
        }
        self.count -= blocks;
        self.prepared = self.count;
    }
}

/// The four that begin at `at`.
#[inline(always)]
fn four<T: Copy, const N: usize>(each: &[T; N], at: usize) -> [T; LANES] {
    [each[at], each[at + 1], each[at + 2], each[at + 3]]
}

/// Speed and acceleration of moves in the plane that lay filament.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    nominal: f64,
    acceleration: f64,
    /// Square of the most filament per way that its own limits bear at that, inverted.
    filament: f64,
}

impl Pace {
    /// Whether so much filament over a way of so much, squared, needs not be slowed; what is near does.
    #[inline(always)]
    pub fn is_for(&self, filament: f64, square: f64) -> bool {
        filament * filament * self.filament <= square * (1.0 - 1e-9)
    }
}

/// Adds up the time of moves, in order.
#[derive(Clone, Debug)]
pub struct Clock {
    limits: Limits,
    /// Boxed, since it is large and clocks are handed on.
    waiting: Box<Waiting>,
    /// Square of the speed at the beginning of the first waiting block.
    reached: f64,
    /// The move before, and the square of its length with filament.
    delta: Axes,
    square: f64,
    /// 0 from a stand.
    nominal: f64,
    settled: f64,
}

impl Clock {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: Box::new(Waiting::NONE),
            reached: 0.0,
            delta: [0.0; 4],
            square: 0.0,
            nominal: 0.0,
            settled: 0.0,
        }
    }

    /// Junctions of moves that still wait are taken by what is set here, too.
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
        self.settle(self.waiting.count);
        self.nominal = 0.0;
        self.reached = 0.0;
    }

    /// A move by `delta`, `path` mm long (an arc; 0: straight), at `speed` mm/s.
    #[inline(always)]
    pub fn push(&mut self, delta: Axes, path: f64, speed: f64) {
        let [x, y, z, e] = delta;
        let plane = x * x + y * y + z * z;
        let moves = plane > 0.0 || path > 0.0;
        let square = if path > 0.0 {
            path * path
        } else if moves {
            plane
        } else {
            e * e
        };
        if !(square > 0.0 && square <= f64::MAX) {
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
        if limits.may_slow(delta, path, square, nominal, acceleration) {
            (nominal, acceleration) = limits.slowed(delta, square.sqrt(), nominal, acceleration);
        }
        self.queue(delta, plane, square, nominal, acceleration);
    }

    /// As `push`, of a move in the plane whose squared length is `square`, that lays filament and that `pace` is for
    /// (`Pace::is_for`).
    #[inline(always)]
    pub fn lay(&mut self, [x, y]: [f64; 2], filament: f64, square: f64, pace: &Pace) {
        self.queue([x, y, 0.0, filament], square, square, pace.nominal, pace.acceleration);
    }

    /// What `push` would find out at each move that lays filament at `speed` mm/s, for as long as no limit changes;
    /// nothing where such moves differ.
    pub fn pace(&self, speed: f64) -> Option<Pace> {
        let limits = &self.limits;
        let (nominal, acceleration) = (speed.max(SLOWEST), limits.print_acceleration.max(1.0));
        if limits.may_slow([1.0, 0.0, 0.0, 0.0], 0.0, 1.0, nominal, acceleration) {
            return None;
        }
        let faster = (nominal / limits.max_feedrate[3]).max(acceleration / limits.max_acceleration[3]);
        Some(Pace { nominal, acceleration, filament: faster * faster })
    }

    /// `plane` is the square of the way, and `square` that of the length.
    #[expect(clippy::cast_possible_truncation, reason = "for a corner, seven digits are enough")]
    #[inline(always)]
    fn queue(&mut self, delta: Axes, plane: f64, square: f64, nominal: f64, acceleration: f64) {
        if self.waiting.count == AHEAD {
            self.settle(SETTLED);
        }
        let waiting = &mut self.waiting;
        let at = waiting.count;
        let ([x, y, z, e], before) = (delta, &self.delta);
        let whole = plane + e * e;
        let slower = lower(nominal, self.nominal);
        waiting.square[at] = square;
        waiting.acceleration[at] = acceleration;
        waiting.nominal[at] = nominal;
        waiting.slower[at] = slower * slower;
        waiting.product[at] = (before[0] * x + before[1] * y + before[2] * z + before[3] * e) as f32;
        waiting.squares[at] = (self.square * whole) as f32;
        waiting.count += 1;
        (self.delta, self.square, self.nominal) = (delta, whole, nominal);
    }

    /// Settles the first `blocks` of what waits.
    #[inline(never)]
    fn settle(&mut self, blocks: usize) {
        self.waiting.prepare(self.limits.junction_deviation);
        let (seconds, reached) = self.waiting.plan(self.reached, blocks);
        self.settled += seconds;
        self.reached = reached;
        self.waiting.forget(blocks);
    }
}

/// As `f64::min` of two numbers, without its care for what is none.
fn lower(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The squares of the speeds at which corners may be taken, over acceleration and deviation; of the scalar products of
/// their ways and the products of the ways' squares.
#[inline(always)]
fn corner(product: [f32; LANES], squares: [f32; LANES]) -> [f32; LANES] {
    let one = f32x4::splat(1.0);
    let norm = f32x4::new(squares).sqrt().max(f32x4::splat(f32::MIN_POSITIVE));
    // Half the angle of the corner, as the circle that touches both its sides sees it.
    let sine = ((one + f32x4::new(product) / norm) * 0.5).max(f32x4::splat(0.0)).sqrt();
    let straight = sine.simd_gt(f32x4::splat(0.999_999));
    straight.select(f32x4::splat(f32::INFINITY), sine / (one - sine)).to_array()
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
            if !limits.may_slow(delta, path, length * length, speed, acceleration) {
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
