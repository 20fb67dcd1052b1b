//! The machine's modal state, and what becomes of a move before it reaches the planner.

use crate::firmware::{Firmware, Outcome};
use crate::parser::Command;
use crate::planner::Axes;
use crate::waiting::{Afterwards, Waiting};

/// Below this the filament does not flow, °C.
const EXTRUDE_MIN_CELSIUS: f64 = 170.0;
/// Longer pushes of filament are taken for mistakes, mm.
const EXTRUDE_MAX_MM: f64 = 200.0;

const AXIS_LETTERS: [u8; 4] = *b"XYZE";

/// A move with its numbers worked out.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) from: Axes,
    pub(crate) to: Axes,
    /// Length of an arc, mm; 0 for a straight move.
    pub(crate) path_mm: f64,
    /// mm/s.
    pub(crate) feedrate: f64,
}

/// What commands change and later commands build on.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// End of the last planned move, mm of the machine.
    pub(crate) position: Axes,
    /// What `G92` has added to it.
    pub(crate) shift: Axes,
    pub(crate) homed: [bool; 3],
    pub(crate) relative: bool,
    pub(crate) relative_extrusion: bool,
    pub(crate) inches: bool,
    /// mm/min, as the last `F` said.
    pub(crate) feedrate: f64,
    pub(crate) feedrate_percent: f64,
    pub(crate) flow_percent: f64,
    pub(crate) allow_cold_extrusion: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            position: [0.0; 4],
            shift: [0.0; 4],
            homed: [false; 3],
            relative: false,
            relative_extrusion: false,
            inches: false,
            feedrate: 1500.0,
            feedrate_percent: 100.0,
            flow_percent: 100.0,
            allow_cold_extrusion: false,
        }
    }
}

impl Machine {
    pub(crate) fn is_homed(&self) -> bool {
        self.homed.iter().all(|homed| *homed)
    }

    /// The position that the host believes in.
    pub(crate) fn logical(&self) -> Axes {
        std::array::from_fn(|axis| self.position[axis] + self.shift[axis])
    }

    fn unit_mm(&self) -> f64 {
        if self.inches { 25.4 } else { 1.0 }
    }

    fn read_move(&mut self, command: &Command) -> Move {
        let unit = self.unit_mm();
        if let Some(feedrate) = command.value(b'F').filter(|feedrate| *feedrate > 0.0) {
            self.feedrate = feedrate * unit;
        }
        let from = self.position;
        let mut to = from;
        for (axis, letter) in AXIS_LETTERS.into_iter().enumerate() {
            let Some(value) = command.value(letter) else {
                continue;
            };
            let relative = if axis == 3 { self.relative_extrusion } else { self.relative };
            let wanted = value * unit;
            to[axis] = if relative { from[axis] + wanted } else { wanted - self.shift[axis] };
        }
        let path_mm = self.arc_mm(command, &from, &to).unwrap_or(0.0);
        Move { from, to, path_mm, feedrate: self.feedrate / 60.0 * self.feedrate_percent / 100.0 }
    }

    /// Length of a `G2` or `G3`; nothing for other moves and for arcs that make no sense.
    fn arc_mm(&self, command: &Command, from: &Axes, to: &Axes) -> Option<f64> {
        let clockwise = match command.code {
            Some(2) => true,
            Some(3) => false,
            _ => return None,
        };
        let unit = self.unit_mm();
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let (i, j) = match command.value(b'R') {
            Some(radius) => {
                let radius = radius * unit;
                let chord = dx.hypot(dy);
                let height = (radius * radius - chord * chord / 4.0).max(0.0).sqrt();
                let side = if clockwise == (radius > 0.0) { -1.0 } else { 1.0 };
                let (nx, ny) = (-dy / chord.max(1e-9), dx / chord.max(1e-9));
                (dx / 2.0 + side * height * nx, dy / 2.0 + side * height * ny)
            }
            None => (command.value(b'I').unwrap_or(0.0) * unit, command.value(b'J').unwrap_or(0.0) * unit),
        };
        let radius = i.hypot(j);
        if radius <= 0.0 {
            return None;
        }
        let start = (-j).atan2(-i);
        let end = (dy - j).atan2(dx - i);
        let turn = if clockwise { start - end } else { end - start }.rem_euclid(std::f64::consts::TAU);
        let turn = if turn < 1e-9 { std::f64::consts::TAU } else { turn };
        Some((radius * turn).hypot(to[2] - from[2]))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, as is wanted for text from outside")]
fn seconds_us(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6).round() as u64
}

impl Firmware {
    /// `M18`, `M84`: steppers let go, or, with `S`, after so many seconds without a move. Only Marlin and its kin
    /// know that; to others it is the same.
    pub(crate) fn let_go(&mut self, command: &Command) {
        match command.value(b'S').filter(|_| self.config.stepper_idle_us > 0) {
            Some(seconds) => self.stepper_idle_us = seconds_us(seconds),
            None => self.machine.homed = [false; 3],
        }
    }

    /// Steppers that were idle for long have let go, and what moves now moves from anywhere.
    fn notice_idle_steppers(&mut self, now_us: u64) {
        let idle_us = now_us.saturating_sub(self.moved_us);
        if self.stepper_idle_us > 0 && idle_us >= self.stepper_idle_us && self.machine.is_homed() {
            self.machine.homed = [false; 3];
            self.ledger.totals.steppers_let_go += 1;
        }
        self.moved_us = now_us;
    }

    /// `G0` to `G3`.
    pub(crate) fn begin_move(&mut self, now_us: u64, command: &Command) -> Outcome {
        self.notice_idle_steppers(now_us);
        if !self.moves_take_time() {
            self.still_since_us = now_us;
        }
        let mut movement = self.machine.read_move(command);
        let extrusion = movement.to[3] - movement.from[3];
        if extrusion != 0.0 {
            if let Some(complaint) = self.extrusion_complaint(extrusion) {
                self.say(now_us, complaint);
                self.ledger.totals.extrusions_prevented += 1;
                // The firmware goes on as if the filament had moved.
                movement.from[3] = movement.to[3];
            } else {
                self.ledger.totals.extruded_mm += extrusion * self.machine.flow_percent / 100.0;
            }
        }
        self.machine.position = movement.to;
        let is_somewhere_else = movement.from != movement.to || movement.path_mm > 0.0;
        if !is_somewhere_else {
            return Outcome::Done;
        }
        if self.moves_take_time() && self.planner.free() == 0 {
            return Outcome::Wait(Waiting::PlannerRoom(movement));
        }
        self.plan(now_us, movement);
        Outcome::Done
    }

    pub(crate) fn plan(&mut self, now_us: u64, movement: Move) {
        self.ledger.totals.moves_planned += 1;
        if self.moves_take_time() {
            self.planner.push(now_us, movement.from, movement.to, movement.path_mm, movement.feedrate);
            self.tag_block();
        } else {
            self.planner.set_position(movement.to);
            self.ledger.totals.moves_finished += 1;
        }
        self.observe_msla(now_us);
    }

    fn extrusion_complaint(&self, extrusion: f64) -> Option<&'static str> {
        let guards = self.config.prevent_cold_extrusion && !self.machine.allow_cold_extrusion;
        if guards && self.hotend.temperature() < EXTRUDE_MIN_CELSIUS {
            Some("echo: cold extrusion prevented")
        } else if extrusion.abs() > EXTRUDE_MAX_MM {
            Some("echo: too long extrusion prevented")
        } else {
            None
        }
    }

    /// `G28`: the named axes, or all.
    pub(crate) fn begin_homing(&mut self, command: &Command) -> Outcome {
        let named: [bool; 3] = std::array::from_fn(|axis| command.has(AXIS_LETTERS[axis]));
        let axes = if named.contains(&true) { named } else { [true; 3] };
        Outcome::Wait(Waiting::Drain(Afterwards::Home(axes)))
    }

    pub(crate) fn home(&mut self, axes: [bool; 3]) {
        for (axis, _) in axes.iter().enumerate().filter(|(_, named)| **named) {
            self.machine.position[axis] = 0.0;
            self.machine.shift[axis] = 0.0;
            self.machine.homed[axis] = true;
        }
        // Homing the plane alone lifts the nozzle first.
        if !axes[2] {
            self.machine.position[2] = self.machine.position[2].max(5.0);
        }
        self.planner.set_position(self.machine.position);
    }

    /// `G92`.
    pub(crate) fn shift_position(&mut self, command: &Command) {
        let unit = self.machine.unit_mm();
        for (axis, letter) in AXIS_LETTERS.into_iter().enumerate() {
            if let Some(value) = command.value(letter) {
                self.machine.shift[axis] = value * unit - self.machine.position[axis];
            }
        }
    }

    /// The reply to `M114`: where the planned moves end, and in steps where the head is.
    pub(crate) fn position_line(&self, now_us: u64) -> String {
        let actual = self.planner.actual_position(now_us);
        // Adding 0 turns -0 into 0.
        let steps = |axis: usize| (actual[axis] * self.config.steps_per_mm[axis]).round() + 0.0;
        let mut logical = self.machine.logical();
        logical[2] += self.misread_mm();
        self.config.position_text(logical, [steps(0), steps(1), steps(2)])
    }
}
