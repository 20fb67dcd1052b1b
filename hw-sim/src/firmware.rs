//! The firmware of an FDM printer without clock or port: bytes and the time go in, bytes and the next wake-up come out.
//!
//! ```text
//! bytes → receive ring (127) → line reader → number and checksum → command queue (4) → one command → planner (15)
//!            │ full: lost          ▲                │ bad: error, flush, Resend, ok        │
//!            └ emergency parser    └── only while a queue slot is free          ok, when done or planned
//! ```
//!
//! The slot of a command is held while it runs. Lines keep moving from ring to queue while a command waits,
//! so an error in a later line is answered before the `ok` of the waiting one, as on the real board.
//! The picture is Marlin's; what other firmware does otherwise is set in [`FirmwareConfig`].

use std::collections::VecDeque;

use crate::emergency::EmergencyParser;
use crate::heater::{Heater, HeaterFault, HeaterId};
use crate::ledger::Ledger;
use crate::machine::Machine;
use crate::meatpack::Decoder;
use crate::msla::Board;
use crate::parser::{Command, LineReader, ReaderRules};
use crate::planner::{Motion, Planner};
use crate::quirks::{Acknowledge, FirmwareConfig, ResetCause};
use crate::random::Random;
use crate::stops::Alarm;
use crate::texts::Stop;
use crate::transmitter::Transmitter;
use crate::waiting::{Afterwards, Asking, Waiting};

/// How long between two `busy` lines until `M113` says otherwise, µs.
const DEFAULT_KEEPALIVE_US: u64 = 2_000_000;

/// How long a board has been on at time 0, µs.
const ON_FOR_US: i64 = 3_600_000_000;

/// Whether the board listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Booting {
        until_us: u64,
        cause: ResetCause,
    },
    Running,
    /// After `kill()`: nothing helps but a reset.
    Halted,
}

/// A line in the command queue.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) number: Option<i64>,
    pub(crate) command: Command,
    /// Its `ok` has been said.
    pub(crate) acknowledged: bool,
}

/// A report that the firmware sends on its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeating {
    pub(crate) every_us: u64,
    pub(crate) next_us: u64,
}

/// How a command ended.
pub(crate) enum Outcome {
    /// `ok`, with the fields that the firmware adds.
    Done,
    /// `ok` was part of the command's own reply, or there is none.
    Replied,
    /// It goes on.
    Wait(Waiting),
    /// No such command.
    Unknown,
    /// It ended the firmware.
    Halted,
}

/// One simulated controller board with its machine.
#[derive(Debug, Clone)]
pub struct Firmware {
    pub(crate) config: FirmwareConfig,
    pub(crate) power: Power,
    pub(crate) receive_ring: VecDeque<u8>,
    pub(crate) meatpack: Decoder,
    pub(crate) reader: LineReader,
    emergency: EmergencyParser,
    pub(crate) queue: VecDeque<Queued>,
    pub(crate) last_number: i64,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) next_busy_us: u64,
    pub(crate) keepalive_us: u64,
    next_turn_us: Option<u64>,
    deaf_until_us: u64,
    /// Until when the main loop stands still, by a fault or by its own slow sending.
    hung_until_us: u64,
    /// When it began, µs; before time 0 where it has been on for a while.
    pub(crate) began_us: i64,
    /// The error has been printed, the flush is still to come.
    pub(crate) flush_is_due: bool,
    /// Lines with other numbers that are still skipped after a resend request.
    pub(crate) skips_left: u32,
    /// Lines in a row that were no commands.
    pub(crate) format_errors: u32,
    /// Commands are refused.
    pub(crate) alarm: Option<Alarm>,
    /// A heater has failed since a target was last set, and only the heaters are off.
    pub(crate) heater_fault_told: bool,
    /// Since when nothing has come in, for the firmware that says `wait`.
    quiet_since_us: u64,
    /// Lost bytes that have been told.
    overruns_told: u64,
    /// Steppers let go after this time without a move, µs; 0 never.
    pub(crate) stepper_idle_us: u64,
    /// When anything moved last.
    pub(crate) moved_us: u64,
    /// `M85`: it kills itself after this time without a move, µs; 0 never.
    pub(crate) inactivity_us: u64,
    /// Since when nothing has begun that clock anew.
    pub(crate) still_since_us: u64,
    /// The sensor misses filament; a change of it comes before the next command.
    runout_is_due: bool,
    pub(crate) transmitter: Transmitter,
    pub(crate) planner: Planner,
    pub(crate) machine: Machine,
    pub(crate) hotend: Heater,
    pub(crate) bed: Heater,
    pub(crate) temperature_report: Option<Repeating>,
    pub(crate) position_report: Option<Repeating>,
    pub(crate) ledger: Ledger,
    pub(crate) msla: Option<Box<Board>>,
}

impl Firmware {
    /// A board that has been on for a while at time 0; its banner is long gone.
    pub fn new(config: FirmwareConfig, seed: u64) -> Self {
        let heater = |model, name| {
            Heater::new(model, config.ambient_celsius, config.heat_time_scale, Random::fork(seed, name))
        };
        Self {
            power: Power::Running,
            receive_ring: VecDeque::with_capacity(config.rx_buffer.min(4096)),
            meatpack: Decoder::default(),
            reader: LineReader::new(ReaderRules {
                parenthesis_comments: config.parenthesis_comments,
                empty_lines: config.empty_line_ok,
                carriage_return_ends_line: config.carriage_return_ends_line,
                line_bytes: config.line_bytes,
            }),
            emergency: EmergencyParser::default(),
            queue: VecDeque::with_capacity(config.command_buffer),
            last_number: 0,
            waiting: None,
            next_busy_us: 0,
            keepalive_us: DEFAULT_KEEPALIVE_US,
            next_turn_us: None,
            deaf_until_us: 0,
            hung_until_us: 0,
            began_us: -ON_FOR_US,
            flush_is_due: false,
            skips_left: 0,
            format_errors: 0,
            alarm: None,
            heater_fault_told: false,
            quiet_since_us: 0,
            overruns_told: 0,
            stepper_idle_us: config.stepper_idle_us,
            moved_us: 0,
            inactivity_us: 0,
            still_since_us: 0,
            runout_is_due: false,
            transmitter: Transmitter::default(),
            planner: Planner::new(config.limits, config.planner_blocks),
            machine: Machine::default(),
            hotend: heater(config.hotend, "hotend"),
            bed: heater(config.bed, "bed"),
            temperature_report: None,
            position_report: None,
            ledger: Ledger::new(config.record_lines),
            msla: config.msla.clone().map(|config| Box::new(Board::new(config))),
            config,
        }
    }

    // Getters.

    /// The settings it was made with.
    pub fn config(&self) -> &FirmwareConfig {
        &self.config
    }

    /// What it has really done.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether it has halted: it is silent until a reset, or refuses commands until it is told to go on.
    pub fn is_halted(&self) -> bool {
        self.power == Power::Halted || self.alarm.is_some()
    }

    /// Whether nothing is queued, waited for or moving.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.unread() == 0 && self.planner.is_idle()
    }

    /// Whether nothing moves.
    pub fn is_standing(&self) -> bool {
        self.planner.is_idle()
    }

    /// The last line number that it has accepted.
    pub fn last_line_number(&self) -> i64 {
        self.last_number
    }

    /// Bytes in the receive ring.
    pub fn ring_bytes(&self) -> usize {
        self.receive_ring.len()
    }

    /// Where its planned moves end, mm of the machine.
    pub fn position(&self) -> [f64; 4] {
        self.machine.position
    }

    /// What later moves build on: relative, relative extrusion, feedrate; and where they begin.
    pub fn modes(&self) -> ((bool, bool, f64), [f64; 4]) {
        let machine = &self.machine;
        ((machine.relative, machine.relative_extrusion, machine.feedrate), machine.position)
    }

    /// A heater, to look at.
    pub fn heater(&self, heater: HeaterId) -> &Heater {
        match heater {
            HeaterId::Hotend => &self.hotend,
            HeaterId::Bed => &self.bed,
        }
    }

    // Events from outside.

    /// Bytes have arrived at the UART.
    pub fn handle_bytes(&mut self, now_us: u64, bytes: &[u8]) {
        self.ledger.totals.bytes_received += bytes.len() as u64;
        self.quiet_since_us = now_us;
        self.hear_msla(now_us);
        for &byte in bytes {
            let listens = self.power == Power::Running && now_us >= self.deaf_until_us;
            if !listens {
                self.ledger.totals.bytes_unheard += 1;
                continue;
            }
            // It stands before the ring and knows nothing of packing, so a packed `M112` escapes it.
            let critical = self.emergency.push(byte).filter(|_| self.config.emergency_parser);
            if self.receive_ring.len() + 1 < self.config.rx_buffer {
                self.receive_ring.push_back(byte);
            } else {
                self.ledger.totals.bytes_overrun += 1;
            }
            if let Some(critical) = critical {
                self.act_on(now_us, critical);
            }
            // Without an end of a line there is nothing to do but to empty the ring, which has time.
            let is_worth_a_turn = matches!(byte, b'\n' | b'\r')
                || self.config.meatpack
                || self.receive_ring.len() >= self.config.rx_buffer / 2;
            if self.config.loop_interval_us == 0 && is_worth_a_turn {
                self.run_turns(now_us);
            }
        }
        if self.config.loop_interval_us == 0 {
            self.run_turns(now_us);
        }
        self.schedule_turn(now_us);
        self.observe_msla(now_us);
    }

    /// Time has passed; call at or after [`Self::poll_timeout`]. Too early does no harm.
    pub fn handle_timeout(&mut self, now_us: u64) {
        self.transmitter.release(now_us);
        if !self.planner.is_idle() {
            self.moved_us = now_us;
        }
        let is_excused = self.is_excused_from_inactivity();
        if is_excused {
            self.still_since_us = now_us;
        }
        self.planner.advance(now_us);
        self.count_moves();
        self.observe_msla(now_us);
        match self.power {
            Power::Booting { until_us, cause } => {
                self.coast(now_us);
                if until_us <= now_us {
                    self.power = Power::Running;
                    self.quiet_since_us = now_us;
                    for line in self.config.banner_lines(cause) {
                        self.say(now_us, &line);
                    }
                }
                return;
            }
            Power::Halted => {
                self.coast(now_us);
                return;
            }
            Power::Running => {}
        }
        if self.inactivity_due_us().is_some_and(|due_us| due_us <= now_us) {
            self.stop(now_us, Stop::Inactive);
            return;
        }
        self.heat(now_us);
        if self.power != Power::Running || now_us < self.hung_until_us {
            return;
        }
        self.check_watchdog(now_us);
        self.report(now_us);
        self.check_waiting(now_us);
        self.say_wait(now_us);
        if self.config.loop_interval_us == 0 {
            self.run_turns(now_us);
        } else if self.next_turn_us.is_some_and(|turn_us| turn_us <= now_us) {
            self.turn(now_us);
        }
        self.schedule_turn(now_us);
        self.observe_msla(now_us);
    }

    /// The board restarts. What it knew is gone; how warm its heaters are is not.
    pub fn reset(&mut self, now_us: u64, cause: ResetCause) {
        self.ledger.totals.resets += 1;
        self.observe_msla(now_us);
        self.coast(now_us);
        self.stop_everything(now_us);
        self.transmitter.clear();
        self.receive_ring.clear();
        self.meatpack = Decoder::default();
        self.reader.clear();
        self.emergency = EmergencyParser::default();
        self.last_number = 0;
        self.keepalive_us = DEFAULT_KEEPALIVE_US;
        self.machine = Machine::default();
        self.stepper_idle_us = self.config.stepper_idle_us;
        (self.inactivity_us, self.still_since_us) = (0, now_us);
        self.runout_is_due = false;
        self.planner = Planner::new(self.config.limits, self.config.planner_blocks);
        self.restart_msla(now_us);
        self.deaf_until_us = 0;
        self.hung_until_us = 0;
        self.began_us = i64::try_from(now_us).unwrap_or(i64::MAX);
        self.flush_is_due = false;
        self.skips_left = 0;
        self.format_errors = 0;
        self.alarm = None;
        self.heater_fault_told = false;
        self.power = Power::Booting { until_us: now_us + self.config.boot_us, cause };
        if self.config.boot_us == 0 {
            self.handle_timeout(now_us);
        }
    }

    /// Somebody presses the printer's own button: a wait for a person ends.
    pub fn press_continue(&mut self, now_us: u64) {
        self.end_wait(now_us, false, None);
        self.schedule_turn(now_us);
    }

    /// Somebody moves the head at the panel, by so many mm, and the panel leaves its own modes behind.
    pub fn jog(&mut self, by_mm: [f64; 3]) {
        for (axis, by) in by_mm.into_iter().enumerate() {
            self.machine.position[axis] += by;
        }
        self.machine.relative = true;
        self.machine.feedrate = 123.0;
        self.planner.set_position(self.machine.position);
    }

    /// The sensor at the spool misses filament.
    pub fn run_out(&mut self) {
        self.runout_is_due = true;
    }

    // Faults.

    /// Bytes are lost at the UART for so long.
    pub fn make_deaf(&mut self, now_us: u64, for_us: u64) {
        self.deaf_until_us = now_us.saturating_add(for_us);
    }

    /// Another board of the same kind is put in its place, and begins to talk when it is started.
    pub fn exchange(&mut self, uuid: &str) {
        uuid.clone_into(&mut self.config.uuid);
    }

    /// The main loop does nothing for so long; bytes still arrive in the ring, moves and heaters go on.
    pub fn hang(&mut self, now_us: u64, for_us: u64) {
        self.hung_until_us = self.hung_until_us.max(now_us.saturating_add(for_us));
        self.schedule_turn(now_us);
    }

    /// The kill button: halts the board with the firmware's message for that.
    pub fn kill(&mut self, now_us: u64) {
        if self.power == Power::Running {
            self.stop(now_us, Stop::Button);
            self.schedule_turn(now_us);
        }
    }

    /// Its supply is switched off.
    pub fn cut_power(&mut self, now_us: u64) {
        self.coast(now_us);
        self.stop_everything(now_us);
        self.transmitter.clear();
        self.receive_ring.clear();
        self.power = Power::Halted;
        self.cut_power_of_msla(now_us);
    }

    /// Breaks or mends a heater.
    pub fn set_heater_fault(&mut self, now_us: u64, heater: HeaterId, fault: Option<HeaterFault>) {
        self.coast(now_us);
        match heater {
            HeaterId::Hotend => self.hotend.set_fault(fault),
            HeaterId::Bed => self.bed.set_fault(fault),
        }
    }

    /// Somebody turns the knob of the panel: a target, without a word on the line.
    pub fn set_heat_target(&mut self, now_us: u64, heater: HeaterId, celsius: f64) {
        self.heat(now_us);
        match heater {
            HeaterId::Hotend => self.hotend.set_target(celsius),
            HeaterId::Bed => self.bed.set_target(celsius),
        }
    }

    /// Every reply leaves so much later, µs.
    pub fn delay_replies(&mut self, delay_us: u64) {
        self.transmitter.set_delay(delay_us);
    }

    /// The next `count` `ok` lines are swallowed.
    pub fn lose_next_oks(&mut self, count: u32) {
        self.transmitter.lose_next_oks(count);
    }

    /// Every `every`-th `ok` line is swallowed; `None` mends it.
    pub fn lose_every_ok(&mut self, every: Option<u32>) {
        self.transmitter.lose_every_ok(every);
    }

    /// Every `every`-th `ok` line is sent twice; `None` mends it.
    pub fn duplicate_every_ok(&mut self, every: Option<u32>) {
        self.transmitter.duplicate_every_ok(every);
    }

    /// The `nth` coming line (from 1) that begins with `prefix` is swallowed.
    pub fn drop_reply(&mut self, prefix: &str, nth: u32) {
        self.transmitter.drop_line(prefix, nth);
    }

    /// Sends bytes that mean nothing, or that lie.
    pub fn emit_garbage(&mut self, now_us: u64, bytes: &[u8]) {
        self.transmitter.raw(now_us, bytes.to_vec());
    }

    // Polls.

    /// Bytes to be put on the wire now.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmitter.take()
    }

    /// When it wants [`Self::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<u64> {
        let always = [self.transmitter.poll_timeout(), self.planner.poll_timeout()];
        let by_power = match self.power {
            Power::Booting { until_us, .. } => {
                [Some(until_us), None, None, None, None, None, None, None, None]
            }
            Power::Halted => [None; 9],
            Power::Running => {
                let awake = |time_us: u64| time_us.max(self.hung_until_us);
                [
                    self.hotend.poll_timeout(),
                    self.bed.poll_timeout(),
                    self.temperature_report.map(|report| awake(report.next_us)),
                    self.position_report.map(|report| awake(report.next_us)),
                    self.next_turn_us.map(awake),
                    self.waiting_timeout().map(awake),
                    self.wait_due_us().map(awake),
                    self.inactivity_due_us().map(awake),
                    self.watchdog_due_us().map(awake),
                ]
            }
        };
        always.into_iter().chain(by_power).flatten().min()
    }

    // The main loop.

    pub(crate) fn schedule_turn(&mut self, now_us: u64) {
        let can_read = self.unread() > 0 && self.has_free_slot();
        let can_execute = !self.queue.is_empty() && self.waiting.is_none();
        let wanted = self.power == Power::Running && (can_read || can_execute || self.flush_is_due);
        let interval_us = self.config.loop_interval_us;
        // The loop runs on whether or not there is work, so its next turn does not begin when a byte arrives.
        let next_us = now_us.checked_div(interval_us).map_or(now_us, |turns| (turns + 1) * interval_us);
        let next_us = next_us.min(self.next_turn_us.unwrap_or(u64::MAX)).max(self.hung_until_us);
        self.next_turn_us = wanted.then_some(next_us);
    }

    pub(crate) fn has_free_slot(&self) -> bool {
        self.queue.len() < self.config.command_buffer.max(1)
    }

    fn run_turns(&mut self, now_us: u64) {
        while self.power == Power::Running && now_us >= self.hung_until_us && self.turn(now_us) {}
    }

    /// Reads what can be read and begins at most one command; says whether anything moved.
    fn turn(&mut self, now_us: u64) -> bool {
        self.next_turn_us = None;
        if self.flush_is_due {
            self.flush_and_ask(now_us);
            return true;
        }
        self.tell_overrun(now_us);
        let read = self.read_lines(now_us);
        if self.flush_is_due {
            return read;
        }
        if self.power != Power::Running || self.waiting.is_some() {
            return read;
        }
        if self.queue.is_empty() {
            return read;
        }
        self.begin(now_us);
        true
    }

    /// Begins the command at the head of the queue.
    fn begin(&mut self, now_us: u64) {
        if self.refuse_in_alarm(now_us) {
            return;
        }
        if std::mem::take(&mut self.runout_is_due) {
            self.change_filament(now_us);
            return;
        }
        self.acknowledge_move(now_us);
        let Some(mut queued) = self.queue.pop_front() else {
            return;
        };
        // It keeps its slot, so what asks for free slots must find it there: only its text is taken out.
        let command = std::mem::take(&mut queued.command);
        let (number, acknowledged) = (queued.number, queued.acknowledged);
        self.queue.push_front(queued);
        let outcome = self.execute(now_us, &command, acknowledged);
        let waits_for_room = matches!(outcome, Outcome::Wait(Waiting::PlannerRoom(_)));
        let is_blank = command.text.is_empty() && self.config.empty_line_ok;
        if !waits_for_room && !is_blank {
            let known = !matches!(outcome, Outcome::Unknown);
            self.ledger.note(&command.text, number.is_some(), known);
        }
        match outcome {
            Outcome::Done => self.finish(now_us),
            Outcome::Replied => {
                self.queue.pop_front();
            }
            Outcome::Unknown => {
                if let Some(line) = self.config.unknown_line(&command.text) {
                    self.say_bytes(now_us, &line);
                }
                self.finish(now_us);
            }
            Outcome::Wait(waiting) => {
                if let Some(queued) = self.queue.front_mut() {
                    queued.command = command;
                }
                self.waiting = Some(waiting);
                self.next_busy_us = now_us.saturating_add(self.keepalive_us);
                self.check_waiting(now_us);
            }
            Outcome::Halted => {}
        }
    }

    /// As `M600`, but nobody sent it, so nothing is acknowledged.
    fn change_filament(&mut self, now_us: u64) {
        let (lines, afterwards) = if self.config.changes_filament() {
            self.say(now_us, "//action:out_of_filament T0");
            (self.config.filament_lines(), Afterwards::ParkForFilament)
        } else {
            (&[][..], Afterwards::Ask(Asking::Continue))
        };
        for line in lines {
            self.say(now_us, line);
        }
        self.queue.push_front(Queued { number: None, command: Command::read(b"M600"), acknowledged: true });
        self.waiting = Some(Waiting::Drain(afterwards));
        self.next_busy_us = now_us.saturating_add(self.keepalive_us);
        self.check_waiting(now_us);
    }

    /// Some firmware says `ok` to a move before it looks for room in the planner.
    fn acknowledge_move(&mut self, now_us: u64) {
        if self.config.acknowledge != Acknowledge::MovesAtOnce {
            return;
        }
        let is_move = |queued: &Queued| {
            queued.command.letter == b'G'
                && matches!(queued.command.code, Some(0..=3))
                && !queued.acknowledged
        };
        if let Some(queued) = self.queue.front_mut().filter(|queued| is_move(queued)) {
            queued.acknowledged = true;
            self.say_ok(now_us, "ok");
        }
    }

    /// Moves, waits for heat and changes of filament begin the clock of `M85` anew, in `manage_inactivity` and the
    /// loops of the waits; a dwell does not. Up to Marlin 2.0 moves do so only where idle steppers let go.
    fn is_excused_from_inactivity(&self) -> bool {
        let homes = matches!(&self.waiting, Some(Waiting::Pause { afterwards: Afterwards::Homed(_), .. }));
        let moves = (!self.planner.is_idle() || homes)
            && (self.config.moves_are_activity || self.stepper_idle_us > 0);
        let waits = match &self.waiting {
            Some(Waiting::Heat(_)) => true,
            Some(Waiting::Person(asking)) => *asking != Asking::Continue,
            _ => false,
        };
        moves || waits
    }

    fn inactivity_due_us(&self) -> Option<u64> {
        (self.inactivity_us > 0).then(|| self.still_since_us.saturating_add(self.inactivity_us))
    }

    /// An idle board says so, if that is its way.
    fn say_wait(&mut self, now_us: u64) {
        if self.wait_due_us().is_some_and(|due_us| due_us <= now_us) {
            self.quiet_since_us = now_us;
            self.say(now_us, "wait");
        }
    }

    fn wait_due_us(&self) -> Option<u64> {
        let every_us = self.config.wait_every_us;
        let is_quiet = every_us > 0 && self.queue.is_empty() && self.unread() == 0;
        is_quiet.then(|| self.quiet_since_us + every_us)
    }

    /// Lost bytes are told when the main loop next looks, if that is its way.
    fn tell_overrun(&mut self, now_us: u64) {
        let lost = self.ledger.totals.bytes_overrun;
        if self.config.reports_overrun && lost > self.overruns_told {
            self.overruns_told = lost;
            let line = self.config.overrun_line(lost);
            self.say(now_us, &line);
        }
    }

    /// The command at the head of the queue is done: `ok`, and its slot is free.
    pub(crate) fn finish(&mut self, now_us: u64) {
        self.quiet_since_us = now_us;
        if self.queue.front().is_some_and(|queued| queued.acknowledged) {
            self.queue.pop_front();
            return;
        }
        let number = self.queue.front().and_then(|queued| queued.number);
        let ok = if self.config.advanced_ok {
            let number = number.map_or_else(String::new, |number| format!(" N{number}"));
            let slots = self.config.command_buffer.saturating_sub(self.queue.len());
            format!("ok{number} P{} B{slots}", self.planner.free())
        } else {
            "ok".to_owned()
        };
        self.say_ok(now_us, &ok);
        self.queue.pop_front();
    }

    pub(crate) fn say(&mut self, now_us: u64, line: &str) {
        self.say_bytes(now_us, line.as_bytes());
    }

    pub(crate) fn say_bytes(&mut self, now_us: u64, line: &[u8]) {
        let held_us = (line.len() as u64 + 1) * self.config.transmit_byte_ns / 1000;
        if held_us > 0 {
            self.hung_until_us = self.hung_until_us.max(now_us) + held_us;
        }
        self.transmitter.line(now_us, line);
    }

    pub(crate) fn say_ok(&mut self, now_us: u64, line: &str) {
        self.ledger.totals.oks += 1;
        self.say(now_us, line);
    }

    // Halting.

    pub(crate) fn stop_everything(&mut self, now_us: u64) {
        self.count_moves();
        self.planner.stop(now_us);
        self.queue.clear();
        self.waiting = None;
        self.next_turn_us = None;
        self.flush_is_due = false;
        self.temperature_report = None;
        self.position_report = None;
        self.hotend.reset();
        self.bed.reset();
    }

    fn coast(&mut self, now_us: u64) {
        self.hotend.coast(now_us);
        self.bed.coast(now_us);
        self.ledger.note_temperatures(self.hotend.temperature(), self.bed.temperature());
    }

    pub(crate) fn count_moves(&mut self) {
        let tally = self.planner.take_tally();
        let totals = &mut self.ledger.totals;
        totals.moves_finished += tally.finished;
        totals.underruns += tally.underruns;
        totals.stall_seconds += tally.stall_us as f64 / 1e6;
    }

    /// Whether moves take time.
    pub(crate) fn moves_take_time(&self) -> bool {
        self.config.motion == Motion::Real
    }
}
