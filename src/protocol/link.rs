//! An exact line over a lossy wire: numbered lines out, acknowledgements and resends in.
//!
//! ```text
//!             renumber            ok           Resend: first              Resend: k
//!  Unnumbered ───────▶ Renumbering ───▶ Settling ──────────▶ Streaming ───────────▶ Draining
//!                          ▲               │ Resend: other   │  ▲  ▲  wire is quiet     │
//!                          └───────────────┘     no progress ▼  │  └───────────────────┘
//!                                                          Asking ── Resend: k ──▶ Draining
//! ```
//! Any state ends in `Lost` when the printer is silent for too long or its numbers make no sense.
//!
//! Why it is like this (all of it seen in `hw-sim/tests/transcripts/`):
//! - Replies carry no checksum, so an `ok` is believed only until a `Resend` says otherwise.
//! - After an error the firmware throws its receive buffer away, so all in flight behind it is gone
//!   (go back to the line it wants), and a line that is being received just then is cut. So nothing
//!   new is sent until what was in flight has drained.
//! - A lost `ok` is never guessed at: a numbered line far ahead *must* be refused, and its refusal
//!   tells the last line that was accepted (`Last Line: 115`, `Resend: 116`).

use std::time::Duration;

use super::dialect::Dialect;
use super::frame;
use super::reply::{Acknowledged, Refused};
use super::window::{Capacity, Origin, Sent, Window};
use crate::domain::moment::Moment;
use crate::domain::units::Baud;

/// How far ahead the number of a question is: far beyond any line that could be right.
const QUESTION_AHEAD: u32 = 1_000_000;

/// Without an `ok` for this long, and without a `busy`, something was lost: ask.
const STALL: Duration = Duration::from_millis(1_000);
/// Marlin says `busy` every 2 s while it works; transcripts show gaps of 5 s and more.
const BUSY_LASTS: Duration = Duration::from_millis(6_500);
/// A question that was not answered is repeated after 1, 2, 4, then every 8 s.
/// Where a command runs that may take minutes (heating, homing) and the board never says `busy`, it
/// is asked this seldom: each question waits in its receive buffer until the command is done.
const QUESTION_REPEAT_LONG: Duration = Duration::from_secs(60);
/// No progress and no `busy` for this long: the board is lost. Long moves without keepalive take less.
const SILENCE: Duration = Duration::from_secs(90);
/// The same while a command runs that may take minutes.
const SILENCE_LONG: Duration = Duration::from_secs(900);
/// A line that is refused this often in a row will never get through.
const REFUSALS_MAX: u32 = 20;
/// How often a `Resend` that cannot be true is asked back before the link is given up.
const NONSENSE_MAX: u32 = 3;
/// A number of free command slots is believed when it was told this often in a row.
const SLOTS_BELIEVED: u32 = 4;
/// `M110` is repeated this often before the board counts as silent.
const RENUMBER_TRIES: u32 = 15;
const RENUMBER_REPEAT: Duration = Duration::from_millis(1_000);
/// After `M110` was answered: late answers to earlier tries die away.
const RENUMBER_SETTLE: Duration = Duration::from_millis(60);

/// The last line number before a job's first line.
///
/// Five digits, so that a cut just behind a line's end, where the firmware flushes after an error,
/// falls into the next line's number: what is left of that line is then no command. And a board that
/// was reset, which counts from 1, cannot be mistaken for one that lost a line.
pub const BEFORE_JOB: u32 = 9_999;

/// Why a link was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Silence,
    /// The firmware counts from the start again, or elsewhere than it can.
    LineCount,
    /// One line is refused again and again.
    Noise,
}

/// What the session must know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The firmware counts with us.
    Renumbered,
    /// The question asked by `confirm` was answered: everything was accepted.
    Confirmed,
    Lost(Loss),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unnumbered,
    Renumbering {
        tries: u32,
        repeat_at: Moment,
    },
    /// `M110` was answered, perhaps; once late answers have died away the firmware is asked for its
    /// count, because an `ok` alone could be that of a refusal.
    Settling {
        asked: bool,
        tries: u32,
        until: Moment,
    },
    Streaming,
    /// The printer wants `wanted`; nothing is sent until what was in flight has died away.
    Draining {
        wanted: u32,
        until: Moment,
    },
    Asking {
        tries: u32,
        repeat_at: Moment,
    },
    Lost,
}

/// Counted since the port was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub lines: u64,
    pub bytes: u64,
    pub resends: u64,
    pub questions: u64,
    pub stray_oks: u64,
    /// Commands that the firmware seems to have run without their number: the tail of a line that
    /// was cut when the firmware flushed its buffer. What is printed may not be the file any more.
    pub strays: u64,
    /// The most bytes that were ever in flight.
    pub in_flight_max: usize,
}

#[derive(Clone, Debug)]
pub struct Link {
    baud: Baud,
    window: Window,
    state: State,
    /// The number before the first line, as `M110` set it.
    base: u32,
    dialect: Dialect,
    out: Vec<u8>,
    events: Vec<LinkEvent>,
    counts: Counts,
    /// `ok`s to ignore: each refusal brings one that acknowledges nothing.
    ignore_oks: u32,
    /// `echo:Unknown command` was read: the next `ok` without a number is its own, and harmless.
    unknown: bool,
    /// Free command slots that were told, more than is known so far, and how often in a row.
    slots_seen: (usize, u32),
    /// A refusal was read and its `Resend` is still to come.
    refused: Option<u32>,
    /// After trouble, one line at a time until this one is acknowledged.
    careful_until: Option<u32>,
    /// The session waits for the answer that confirms the last line.
    confirming: bool,
    refusals: u32,
    nonsense: u32,
    last_progress: Moment,
    last_busy: Option<Moment>,
    /// Shortest time seen from a line to its `ok`: latency of the wire and the adapter.
    turnaround: Duration,
    /// The line whose `ok` will be a sample of the turnaround: it went into an empty window.
    timing: Option<(u32, Moment)>,
}

/// Commands that may hold their `ok` for minutes without a sign of life.
fn takes_long(command: &[u8]) -> bool {
    let code = command.split(|b| *b == b' ').next().unwrap_or_default();
    const LONG: [&[u8]; 20] = [
        b"G4", b"G28", b"G29", b"G30", b"G32", b"G33", b"G34", b"G76", b"M0", b"M1", b"M48", b"M109",
        b"M116", b"M190", b"M191", b"M226", b"M303", b"M400", b"M600", b"M701",
    ];
    LONG.contains(&code)
}

fn is_temperature_question(command: &[u8]) -> bool {
    command == b"M105" || command.starts_with(b"M105 ")
}

impl Link {
    pub fn new(baud: Baud, capacity: Capacity) -> Self {
        Self {
            baud,
            window: Window::new(capacity, 0),
            state: State::Unnumbered,
            base: 0,
            dialect: Dialect::default(),
            out: Vec::with_capacity(512),
            events: Vec::new(),
            counts: Counts::default(),
            ignore_oks: 0,
            unknown: false,
            slots_seen: (0, 0),
            refused: None,
            careful_until: None,
            confirming: false,
            refusals: 0,
            nonsense: 0,
            last_progress: Moment::ZERO,
            last_busy: None,
            turnaround: Duration::from_millis(50),
            timing: None,
        }
    }

    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn window(&self) -> &Window {
        &self.window
    }

    pub fn is_streaming(&self) -> bool {
        self.state == State::Streaming
    }

    /// All that was sent is acknowledged, and nothing waits to be sent again.
    pub fn is_idle(&self) -> bool {
        self.is_streaming() && self.window.acked() == self.window.next()
    }

    /// The shortest time from a line to its `ok` so far.
    pub fn turnaround(&self) -> Duration {
        self.turnaround
    }

    pub fn learn_capability(&mut self, name: &str, able: bool) {
        self.dialect.learn(name, able);
    }

    /// Sets the firmware's line count to `base`; our next line is the one after it. Only while nothing
    /// is in flight.
    pub fn renumber(&mut self, now: Moment, base: u32) {
        self.base = base;
        self.window = Window::new(self.window.capacity(), base);
        self.forget_doubts(now);
        self.state = State::Renumbering { tries: 0, repeat_at: now };
        self.renumber_again(now);
    }

    fn forget_doubts(&mut self, now: Moment) {
        self.ignore_oks = 0;
        self.unknown = false;
        self.refused = None;
        self.careful_until = None;
        self.confirming = false;
        self.refusals = 0;
        self.nonsense = 0;
        self.last_progress = now;
        self.timing = None;
    }

    fn renumber_again(&mut self, now: Moment) {
        let State::Renumbering { tries, .. } = self.state else { return };
        if tries >= RENUMBER_TRIES {
            self.lose(Loss::Silence);
            return;
        }
        // The newline ends whatever half line the board may hold.
        self.out.push(b'\n');
        let command = format!("M110 N{}", self.base);
        frame::write_numbered(&mut self.out, self.base, command.as_bytes());
        self.state = State::Renumbering { tries: tries + 1, repeat_at: now + RENUMBER_REPEAT };
    }

    /// Whether a command may be sent now as a new line.
    pub fn has_room(&self, command: &[u8]) -> bool {
        self.is_streaming()
            && self.window.again().is_none()
            && !self.confirming
            && self.careful_allows()
            && self.window.fits(frame::numbered_length(self.window.next(), command))
    }

    fn careful_allows(&self) -> bool {
        self.careful_until.is_none_or(|line| self.window.cursor() <= line)
    }

    /// Numbers and sends a command. Call only when it `has_room`.
    pub fn send(&mut self, now: Moment, origin: Origin, command: &[u8]) {
        debug_assert!(self.has_room(command));
        let number = self.window.next();
        if self.window.in_flight() == 0 {
            self.last_progress = now;
            self.timing = Some((number, now));
        }
        let length = frame::write_numbered(&mut self.out, number, command);
        self.window.push(origin, command.into(), length);
        self.count_sent(length);
    }

    fn count_sent(&mut self, length: usize) {
        self.counts.lines += 1;
        self.counts.bytes += length as u64;
        self.counts.in_flight_max = self.counts.in_flight_max.max(self.window.in_flight_bytes());
    }

    /// Puts lines on the wire that the printer wants again.
    fn send_again(&mut self, now: Moment) {
        while self.is_streaming() && self.careful_allows() {
            let Some(line) = self.window.again() else { return };
            if !self.window.fits(line.length) {
                return;
            }
            if self.window.in_flight() == 0 {
                self.last_progress = now;
            }
            let length = frame::write_numbered(&mut self.out, line.number, &line.text);
            self.window.sent_again();
            self.count_sent(length);
        }
    }

    /// Asks the firmware for its last line, so that `Confirmed` can say that it has them all.
    pub fn confirm(&mut self, now: Moment) {
        self.confirming = true;
        self.ask(now, 0);
    }

    fn ask(&mut self, now: Moment, tries: u32) {
        let long = self.oldest_takes_long();
        self.question();
        // The question that ends every job is no sign of trouble.
        self.counts.questions += u64::from(!self.confirming);
        let wait = if long { QUESTION_REPEAT_LONG } else { Duration::from_secs(1 << tries.min(3)) };
        self.state = State::Asking { tries: tries + 1, repeat_at: now + wait };
    }

    /// A line whose number must be refused; the refusal tells the firmware's own count.
    fn question(&mut self) {
        self.out.push(b'\n');
        let number = self.window.next() + QUESTION_AHEAD;
        let length = frame::write_numbered(&mut self.out, number, b"M105");
        self.counts.bytes += length as u64 + 1;
    }

    /// The firmware's count is ours.
    fn numbered(&mut self, now: Moment, ignore_oks: u32) {
        self.window = Window::new(self.window.capacity(), self.base + 1);
        self.forget_doubts(now);
        self.ignore_oks = ignore_oks;
        self.state = State::Streaming;
        self.events.push(LinkEvent::Renumbered);
    }

    /// The bytes to write, in order.
    pub fn transmit(&self) -> &[u8] {
        &self.out
    }

    /// The first `count` of them are in the kernel's hands.
    pub fn transmitted(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
    }

    /// Throws away what is not yet written and puts `bytes` in its place: the way of a stop.
    pub fn preempt(&mut self, bytes: &[u8]) {
        self.out.clear();
        self.out.extend_from_slice(bytes);
        self.state = State::Lost;
    }

    /// Writes a command outside the numbering, for parsers that read ahead (`M108`).
    pub fn send_bare(&mut self, command: &[u8]) {
        self.out.extend_from_slice(command);
        self.out.push(b'\n');
        self.ignore_oks += 1;
    }

    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }

    /// The oldest line that no resend can take back any more.
    pub fn settle(&mut self) -> Option<Sent> {
        self.window.settle()
    }

    /// After `Confirmed`: all lines, oldest first.
    pub fn settle_all(&mut self) -> Option<Sent> {
        self.window.settle_all()
    }

    fn lose(&mut self, loss: Loss) {
        self.state = State::Lost;
        self.events.push(LinkEvent::Lost(loss));
    }

    pub fn handle_busy(&mut self, now: Moment) {
        self.last_busy = Some(now);
        self.dialect.says_busy = true;
    }

    /// `echo:Unknown command: …`: a line that lost its number in the noise, most often.
    pub fn handle_unknown_command(&mut self) {
        self.unknown = true;
    }

    pub fn handle_ok(&mut self, now: Moment, ack: &Acknowledged) {
        if let Some(wanted) = self.refused.take() {
            // The `Resend` between the refusal and its `ok` was damaged; the refusal said enough.
            self.resend(now, wanted);
            return;
        }
        match self.state {
            State::Renumbering { tries, .. } => {
                if ack.temperatures.is_none() && ack.number.is_none_or(|number| number == self.base) {
                    self.dialect.advanced_ok |= ack.number.is_some();
                    self.state = State::Settling { asked: false, tries, until: now + RENUMBER_SETTLE };
                }
                return;
            }
            // It ran the question instead of refusing it: this firmware does not look at numbers.
            State::Settling { asked: true, .. } if ack.temperatures.is_some() => {
                self.numbered(now, 0);
                return;
            }
            State::Unnumbered | State::Settling { .. } | State::Lost => return,
            State::Streaming | State::Draining { .. } | State::Asking { .. } => {}
        }
        if let Some(number) = ack.number {
            self.dialect.advanced_ok = true;
            self.unknown = false;
            self.learn_queue(ack);
            if number >= self.window.acked() && number < self.window.next() {
                self.believe_below(now, number + 1);
            } else if number >= self.window.next() {
                self.counts.stray_oks += 1;
            }
            return;
        }
        if ack.temperatures.is_some() {
            let asked = self.window.find_in_flight(|line| is_temperature_question(&line.text));
            if let Some(number) = asked {
                self.believe_below(now, number + 1);
            } else {
                self.counts.stray_oks += 1;
            }
            return;
        }
        // The `ok` behind a `Resend` is bare even where others tell of the queue.
        if self.ignore_oks > 0 && !(self.dialect.advanced_ok && ack.slots_free.is_some()) {
            self.ignore_oks -= 1;
            return;
        }
        let unknown = std::mem::take(&mut self.unknown);
        let wanted =
            if let State::Draining { wanted, .. } = self.state { wanted } else { self.window.cursor() };
        if self.dialect.advanced_ok || self.window.acked() >= wanted {
            // Every line that we sent has a number, so this answers something else: a line that lost
            // its `N` and ran as an unknown command, or the tail of a cut one that ran as a command.
            self.counts.stray_oks += 1;
            // A whole `ok P15 B3` is no `ok N12 P15 B3` that noise has changed. Where `ok`s tell nothing,
            // one too many proves something only right after a refusal, when all others are accounted for.
            let draining = matches!(self.state, State::Draining { .. });
            let whole = if self.dialect.advanced_ok { ack.slots_free.is_some() } else { draining };
            self.counts.strays += u64::from(whole && !ack.damaged && !unknown);
            return;
        }
        self.believe_below(now, self.window.acked() + 1);
    }

    fn learn_queue(&mut self, ack: &Acknowledged) {
        let known = self.window.capacity().queue_slots;
        // Free slots at the moment of an `ok` are at most the queue less the command just done.
        let Some(free) = ack.slots_free.map(usize::from).filter(|free| *free > known && *free <= 32) else {
            return;
        };
        // One changed bit makes 7 of 3, and too much in flight loses lines: believe it when repeated.
        let (seen, times) = self.slots_seen;
        self.slots_seen = if seen == free { (free, times + 1) } else { (free, 1) };
        if self.slots_seen.1 >= SLOTS_BELIEVED {
            self.window.set_queue_slots(free);
        }
    }

    fn believe_below(&mut self, now: Moment, number: u32) {
        if self.window.acknowledge_below(number) == 0 {
            return;
        }
        self.last_progress = now;
        self.refusals = 0;
        self.nonsense = 0;
        if let Some((timed, at)) = self.timing.filter(|(timed, _)| *timed < number) {
            if timed + 1 == number {
                self.turnaround = self.turnaround.min(now - at);
            }
            self.timing = None;
        }
        if self.careful_until.is_some_and(|line| line < number) {
            self.careful_until = None;
        }
        self.send_again(now);
    }

    /// `Error:… Last Line: n`: its `Resend` follows, and an `ok` that acknowledges nothing.
    pub fn handle_refused(&mut self, _why: Refused, last: Option<u32>) {
        if !matches!(self.state, State::Unnumbered | State::Lost) {
            self.refused = last.and_then(|last| last.checked_add(1));
        }
    }

    pub fn handle_resend(&mut self, now: Moment, wanted: u32) {
        // Refusal and resend say the same number twice; where they differ one is damaged.
        let said_before = self.refused.take();
        self.ignore_oks += 1;
        if said_before.is_some_and(|said| said != wanted) {
            if matches!(self.state, State::Streaming | State::Draining { .. } | State::Asking { .. }) {
                self.ask(now, 0);
            }
            return;
        }
        self.resend(now, wanted);
    }

    fn resend(&mut self, now: Moment, wanted: u32) {
        match self.state {
            State::Unnumbered | State::Lost | State::Settling { asked: false, .. } => return,
            State::Settling { asked: true, .. } if wanted == self.base + 1 => {
                self.numbered(now, self.ignore_oks);
                return;
            }
            State::Settling { asked: true, tries, .. } => {
                self.state = State::Renumbering { tries, repeat_at: now };
                self.renumber_again(now);
                return;
            }
            // What `M110` was damaged to; it is repeated when its time is over.
            State::Renumbering { .. } => return,
            State::Streaming | State::Draining { .. } | State::Asking { .. } => {}
        }
        self.counts.resends += u64::from(!matches!(self.state, State::Asking { .. }));
        // A board that was reset wants line 1: obeying would print the part again over itself.
        let restarted = wanted <= self.base || (wanted == 1 && self.window.acked() > 1);
        if restarted || !self.window.may_rewind_to(wanted) {
            self.nonsense += 1;
            if self.nonsense >= NONSENSE_MAX {
                self.lose(Loss::LineCount);
            } else {
                self.ask(now, 0);
            }
            return;
        }
        let asking = matches!(self.state, State::Asking { .. });
        if wanted == self.window.next() {
            self.all_accepted(now, asking);
            return;
        }
        if !matches!(self.state, State::Draining { .. }) {
            self.refusals += 1;
            if self.refusals >= REFUSALS_MAX {
                self.lose(Loss::Noise);
                return;
            }
        }
        // What is behind the refused line is still on the wire and will be refused, too.
        let behind = self.baud.time_of(self.window.in_flight_bytes());
        let until = now + behind + self.turnaround + self.turnaround / 2 + Duration::from_millis(2);
        self.state = State::Draining { wanted, until };
    }

    /// The printer wants the line after our last: it has all of them.
    fn all_accepted(&mut self, now: Moment, asked: bool) {
        if !asked {
            return;
        }
        // Accepted lines may still wait for their `ok`, but the board said nothing for long: lost.
        let next = self.window.next();
        self.state = State::Streaming;
        self.believe_below(now, next);
        self.last_progress = now;
        if self.confirming {
            self.confirming = false;
            self.events.push(LinkEvent::Confirmed);
        }
    }

    fn drained(&mut self, now: Moment, wanted: u32) {
        self.state = State::Streaming;
        let lost = self.window.acked() < wanted && self.window.in_flight() > 0 && !self.dialect.advanced_ok;
        if lost && now.since(self.last_progress) >= STALL {
            // Without numbers, `ok`s that have not come by now will not come.
            self.window.acknowledge_below(wanted);
        }
        self.window.rewind_to(wanted);
        self.careful_until = Some(wanted);
        self.last_progress = now;
        self.timing = None;
        // Ends a line that lost its newline; Marlin answers nothing to an empty one.
        self.out.push(b'\n');
        self.send_again(now);
    }

    fn oldest_takes_long(&self) -> bool {
        self.window.oldest_in_flight().is_some_and(|line| takes_long(&line.text))
    }

    /// The board said that it works, not long ago.
    fn busy_until(&self) -> Moment {
        self.last_busy.map_or(Moment::ZERO, |busy| busy + BUSY_LASTS)
    }

    /// When no `ok` came for too long, or `None` while nothing is awaited.
    fn stalled_at(&self) -> Option<Moment> {
        if self.window.in_flight() == 0 {
            return None;
        }
        // What takes long is trusted to say `busy`, where the board does that at all.
        let patience =
            if self.oldest_takes_long() && !self.dialect.says_busy { QUESTION_REPEAT_LONG } else { STALL };
        Some((self.last_progress + patience).max(self.busy_until()))
    }

    /// When the board counts as lost, or `None` while nothing is awaited.
    fn lost_at(&self) -> Option<Moment> {
        let awaited = self.window.in_flight() > 0 || matches!(self.state, State::Asking { .. });
        let patience = if self.oldest_takes_long() { SILENCE_LONG } else { SILENCE };
        awaited.then(|| (self.last_progress + patience).max(self.busy_until() + patience))
    }

    /// When `handle_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match self.state {
            State::Unnumbered | State::Lost => None,
            State::Renumbering { repeat_at, .. } => Some(repeat_at),
            State::Settling { until, .. } | State::Draining { until, .. } => Some(until),
            State::Streaming => self.stalled_at(),
            State::Asking { repeat_at, .. } => {
                Some(self.lost_at().map_or(repeat_at, |lost| lost.min(repeat_at)))
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        match self.state {
            State::Renumbering { repeat_at, .. } if now >= repeat_at => self.renumber_again(now),
            State::Settling { asked: false, tries, until } if now >= until => {
                self.refused = None;
                self.ignore_oks = 0;
                self.question();
                self.state = State::Settling { asked: true, tries, until: now + RENUMBER_REPEAT };
            }
            State::Settling { asked: true, tries, until } if now >= until => {
                self.state = State::Renumbering { tries, repeat_at: now };
                self.renumber_again(now);
            }
            State::Draining { wanted, until } if now >= until => self.drained(now, wanted),
            State::Streaming if self.stalled_at().is_some_and(|at| now >= at) => self.ask(now, 0),
            State::Asking { tries, repeat_at } => {
                if self.lost_at().is_some_and(|at| now >= at) {
                    self.lose(Loss::Silence);
                } else if now >= repeat_at {
                    if now < self.busy_until() {
                        // It will answer when it is done; more questions would only fill its buffer.
                        self.state = State::Asking { tries, repeat_at: self.busy_until() };
                    } else {
                        self.ask(now, tries);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reply::Reply;

    const CAPACITY: Capacity = Capacity { receive_bytes: 127, queue_slots: 0 };

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn hear(link: &mut Link, millis: u64, line: &str) {
        let now = at(millis);
        match Reply::parse(line.as_bytes()) {
            Reply::Ok(ack) => link.handle_ok(now, &ack),
            Reply::Resend(wanted) => link.handle_resend(now, wanted),
            Reply::Refused { why, last } => link.handle_refused(why, last),
            Reply::Busy(_) => link.handle_busy(now),
            Reply::UnknownCommand => link.handle_unknown_command(),
            _ => {}
        }
    }

    fn sent(link: &mut Link) -> String {
        let text = String::from_utf8(link.transmit().to_vec()).unwrap();
        link.transmitted(text.len());
        text
    }

    /// A link that has agreed on numbers; `oks` are numbered if `advanced`.
    fn streaming(advanced: bool) -> Link {
        let mut link = Link::new(Baud(115_200), CAPACITY);
        link.renumber(at(0), 0);
        assert_eq!(sent(&mut link), "\nN0 M110 N0*125\n");
        hear(&mut link, 5, if advanced { "ok N0 P15 B3" } else { "ok" });
        confirm_numbers(&mut link, 70);
        link
    }

    fn confirm_numbers(link: &mut Link, millis: u64) {
        link.handle_timeout(at(millis));
        assert_eq!(sent(link), "\nN1000000 M105*38\n");
        hear(link, millis + 5, "Error:Line Number is not Last Line Number+1, Last Line: 0");
        hear(link, millis + 5, "Resend: 1");
        hear(link, millis + 5, "ok");
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
    }

    fn push(link: &mut Link, millis: u64, command: &str) {
        assert!(link.has_room(command.as_bytes()), "{command}");
        link.send(at(millis), Origin::Own, command.as_bytes());
    }

    #[test]
    fn the_first_numbered_line_after_hello_is_one() {
        let mut link = streaming(true);
        push(&mut link, 100, "G28 X Y");
        assert_eq!(sent(&mut link), "N1 G28 X Y*19\n");
        hear(&mut link, 200, "ok N1 P15 B3");
        assert!(link.is_idle());
    }

    #[test]
    fn a_board_that_boots_slowly_is_greeted_again_until_it_answers() {
        let mut link = Link::new(Baud(115_200), CAPACITY);
        link.renumber(at(0), 0);
        for second in 1..5 {
            sent(&mut link);
            link.handle_timeout(at(second * 1000));
        }
        assert_eq!(sent(&mut link), "\nN0 M110 N0*125\n");
        hear(&mut link, 4100, "ok");
        confirm_numbers(&mut link, 4200);
    }

    #[test]
    fn the_ok_of_a_refused_renumbering_is_not_taken_for_its_answer() {
        let mut link = Link::new(Baud(115_200), CAPACITY);
        link.renumber(at(0), 0);
        sent(&mut link);
        hear(&mut link, 5, "Error:checksum mismatch, Last Line: 3");
        hear(&mut link, 5, "Resend: 4");
        hear(&mut link, 5, "ok");
        link.handle_timeout(at(70));
        sent(&mut link);
        hear(&mut link, 75, "Error:Line Number is not Last Line Number+1, Last Line: 3");
        hear(&mut link, 75, "Resend: 4");
        hear(&mut link, 75, "ok");
        assert_eq!(link.poll_event(), None);
        assert_eq!(sent(&mut link), "\nN0 M110 N0*125\n");
        hear(&mut link, 80, "ok");
        confirm_numbers(&mut link, 150);
    }

    #[test]
    fn a_firmware_that_does_not_look_at_numbers_answers_the_question_itself() {
        let mut link = Link::new(Baud(115_200), CAPACITY);
        link.renumber(at(0), 0);
        hear(&mut link, 5, "ok");
        link.handle_timeout(at(70));
        hear(&mut link, 75, "ok T:20.0 /0.0 B:20.0 /0.0");
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
    }

    #[test]
    fn a_board_that_never_answers_is_given_up() {
        let mut link = Link::new(Baud(115_200), CAPACITY);
        link.renumber(at(0), 0);
        for second in 1..60 {
            link.handle_timeout(at(second * 1000));
        }
        assert_eq!(link.poll_event(), Some(LinkEvent::Lost(Loss::Silence)));
    }

    #[test]
    fn after_a_resend_nothing_is_sent_until_the_wire_is_quiet_then_from_the_wanted_line() {
        // transcripts/marlin-2.1.2.6-checksums_resend.txt: four in flight, the second corrupt.
        let mut link = streaming(true);
        for x in 23..27 {
            push(&mut link, 100, &format!("G1 X{x}"));
        }
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 1");
        hear(&mut link, 110, "Resend: 2");
        hear(&mut link, 110, "ok");
        hear(&mut link, 111, "ok N1 P14 B3");
        assert_eq!(link.transmit(), b"");
        assert!(!link.has_room(b"G1 X99"));
        let until = link.poll_timeout().unwrap();
        link.handle_timeout(until);
        assert_eq!(sent(&mut link), "\nN2 G1 X24*84\n");
        hear(&mut link, 200, "ok N2 P14 B3");
        assert_eq!(sent(&mut link), "N3 G1 X25*84\nN4 G1 X26*80\n");
    }

    #[test]
    fn further_resends_of_lines_that_were_in_flight_do_not_count_as_new() {
        let mut link = streaming(true);
        for x in 1..5 {
            push(&mut link, 100, &format!("G1 X{x}"));
        }
        sent(&mut link);
        for ms in [110, 112, 114] {
            hear(&mut link, ms, "Error:Line Number is not Last Line Number+1, Last Line: 0");
            hear(&mut link, ms, "Resend: 1");
            hear(&mut link, ms, "ok");
        }
        link.handle_timeout(at(300));
        assert_eq!(sent(&mut link), "\nN1 G1 X1*96\n");
    }

    #[test]
    fn without_numbers_the_ok_after_a_resend_acknowledges_nothing() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "G1 X2");
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 1");
        hear(&mut link, 110, "Resend: 2");
        hear(&mut link, 110, "ok");
        assert_eq!(link.window().acked(), 1);
        hear(&mut link, 112, "ok");
        assert_eq!(link.window().acked(), 2);
    }

    #[test]
    fn a_damaged_resend_is_read_from_its_error_line() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 0");
        hear(&mut link, 110, "Rxsend: 1");
        hear(&mut link, 110, "ok");
        link.handle_timeout(at(300));
        assert_eq!(sent(&mut link), "\nN1 G1 X1*96\n");
    }

    #[test]
    fn a_resend_that_contradicts_its_error_line_is_asked_back() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "G1 X2");
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 1");
        hear(&mut link, 110, "Resend: 1");
        assert!(sent(&mut link).starts_with("\nN1000003 M105*"));
    }

    #[test]
    fn a_lost_ok_is_asked_for_and_never_blindly_resent() {
        for advanced in [true, false] {
            let mut link = streaming(advanced);
            push(&mut link, 100, "G1 X1");
            sent(&mut link);
            link.handle_timeout(link.poll_timeout().unwrap());
            let question = sent(&mut link);
            assert!(question.starts_with("\nN1000002 M105*"), "{question}");
            hear(&mut link, 1200, "Error:Line Number is not Last Line Number+1, Last Line: 1");
            hear(&mut link, 1200, "Resend: 2");
            hear(&mut link, 1200, "ok");
            assert!(link.is_idle());
            assert_eq!(sent(&mut link), "");
        }
    }

    #[test]
    fn a_damaged_newline_is_found_by_asking() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        sent(&mut link);
        link.handle_timeout(at(1200));
        sent(&mut link);
        hear(&mut link, 1210, "Error:checksum mismatch, Last Line: 0");
        hear(&mut link, 1210, "Resend: 1");
        hear(&mut link, 1210, "ok");
        link.handle_timeout(at(1400));
        assert_eq!(sent(&mut link), "\nN1 G1 X1*96\n");
    }

    #[test]
    fn a_busy_printer_is_not_asked() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X200 F100");
        for second in 1..20 {
            hear(&mut link, second * 2000, "echo:busy: processing");
            assert!(link.poll_timeout().unwrap() > at(second * 2000 + 2500));
        }
    }

    #[test]
    fn heating_on_a_board_that_never_says_busy_is_asked_seldom() {
        let mut link = streaming(true);
        push(&mut link, 100, "M109 S210");
        assert_eq!(link.poll_timeout(), Some(at(60_100)));
        link.handle_timeout(at(60_100));
        assert_eq!(link.poll_timeout(), Some(at(120_100)));
    }

    #[test]
    fn resend_one_in_mid_print_is_a_reset_and_is_never_obeyed() {
        let mut link = streaming(true);
        for n in 1..=5 {
            push(&mut link, 100, "G1 X1");
            hear(&mut link, 110, &format!("ok N{n} P15 B3"));
        }
        push(&mut link, 120, "G1 X1");
        sent(&mut link);
        let mut lost = None;
        for _ in 0..5 {
            hear(&mut link, 200, "Error:Line Number is not Last Line Number+1, Last Line: 0");
            hear(&mut link, 200, "Resend: 1");
            hear(&mut link, 200, "ok");
            assert!(!sent(&mut link).contains("N1 "));
            lost = lost.or_else(|| link.poll_event());
        }
        assert_eq!(lost, Some(LinkEvent::Lost(Loss::LineCount)));
    }

    #[test]
    fn an_unnumbered_ok_among_numbered_ones_acknowledges_nothing_and_is_counted() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        hear(&mut link, 105, "ok P14 B3");
        assert_eq!(link.window().acked(), 1);
        assert_eq!((link.counts().stray_oks, link.counts().strays), (1, 1));
    }

    #[test]
    fn a_line_that_lost_its_number_and_was_unknown_did_no_harm() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        hear(&mut link, 105, "echo:Unknown command: \"1 G1 X1\"");
        hear(&mut link, 105, "ok P14 B3");
        assert_eq!((link.counts().stray_oks, link.counts().strays), (1, 0));
    }

    #[test]
    fn without_numbers_a_superfluous_ok_while_draining_acknowledges_nothing() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "G1 X2");
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 0");
        hear(&mut link, 110, "Resend: 1");
        hear(&mut link, 110, "ok");
        hear(&mut link, 111, "ok");
        assert_eq!((link.window().acked(), link.counts().strays), (1, 1));
    }

    #[test]
    fn a_temperature_ok_acknowledges_everything_up_to_its_question() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "M105");
        push(&mut link, 100, "G1 X2");
        hear(&mut link, 110, "ok T:20.0 /0.0 B:20.0 /0.0 @:0 B@:0");
        assert_eq!(link.window().acked(), 3);
    }

    #[test]
    fn the_end_is_confirmed_only_by_the_firmwares_own_count() {
        let mut link = streaming(true);
        push(&mut link, 100, "M400");
        hear(&mut link, 110, "ok N1 P15 B3");
        link.confirm(at(120));
        assert!(!link.has_room(b"G1 X1"));
        hear(&mut link, 125, "ok N1 P15 B3");
        assert_eq!(link.poll_event(), None);
        hear(&mut link, 130, "Error:Line Number is not Last Line Number+1, Last Line: 1");
        hear(&mut link, 130, "Resend: 2");
        hear(&mut link, 130, "ok");
        assert_eq!(link.poll_event(), Some(LinkEvent::Confirmed));
    }

    #[test]
    fn a_line_that_never_gets_through_ends_the_link() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        let mut now = 200;
        for _ in 0..REFUSALS_MAX + 1 {
            hear(&mut link, now, "Error:checksum mismatch, Last Line: 0");
            hear(&mut link, now, "Resend: 1");
            hear(&mut link, now, "ok");
            now += 500;
            link.handle_timeout(at(now));
        }
        assert_eq!(link.poll_event(), Some(LinkEvent::Lost(Loss::Noise)));
    }
}
