//! Measures how much a board can hold: the bytes of its receive buffer, the slots of its command queue.
//!
//! ```text
//!             numbers agree         time to look            all is quiet          it tells its count
//!  Numbering ─────────────▶ Bursting ───────────▶ Emptying ─────────────▶ Asking ───────────────────┐
//!      ▲                        │ spoiled            │ spoiled                │ no answer            │
//!      │                        └────────────────────┴───────────┬───────────┘                      ▼
//!      └───────────── next burst, or the same again ───────── Resting ◀──────────────────────── a reading
//!                                                                │ known, or given up
//!                                                                └────▶ Closing ── numbers agree ──▶ told
//! ```
//! The board is told to wait (`G4`), and while it waits it gets more lines than it can hold, which do
//! nothing. What it then acknowledges is what it held; `held` makes sizes of such counts.
//!
//! A wrong answer may only be too small. So a reading counts only where the bytes were on the wire in time,
//! where nothing was refused before the question (noise, not want of room), and where the firmware's own
//! count agrees with its `ok`s; and a burst counts only when it gave the same three times.

use std::time::Duration;

use super::held::{Burst, Known, LONG, SHORT};
use crate::domain::moment::Moment;
use crate::domain::units::Baud;
use crate::protocol::dialect::Refusal;
use crate::protocol::link::{BEFORE_JOB, Link};
use crate::protocol::reply::Reply;
use crate::protocol::window::{Origin, SAFE_RECEIVE_BYTES};

/// The dwell is the line before the first of the burst.
const DWELL: u32 = BEFORE_JOB + 1;
const FIRST: u32 = DWELL + 1;

/// A burst counts when so many readings of it agree, and at most so many do not.
const AGREE: usize = 3;
const DISAGREE: usize = 2;
/// So many spoiled readings in all, and the line counts as too noisy.
const SPOILED_MAX: u32 = 12;
/// So many in a row that show the same hindrance, and it is believed.
const HINDERED_MAX: u32 = 3;
/// Bursts beyond the first two kinds.
const FITTING_MAX: u32 = 6;

/// Bytes of the bursts, each tried when the one before was held whole.
const SHORT_BYTES: [usize; 3] = [512, 2_048, 8_192];
const LONG_BYTES: [usize; 3] = [1_024, 4_096, 32_768];

/// How late a write may be for a reading to count.
const WRITE_LATE: Duration = Duration::from_millis(50);
/// What the wire may take more than it should, before the look at a board that waits.
const LOOK_AFTER: Duration = Duration::from_millis(200);
/// How long before the end of the wait that look is.
const LOOK_BEFORE: Duration = Duration::from_millis(150);
/// Nothing comes any more.
const QUIET: Duration = Duration::from_millis(150);
/// An answer to the question comes within this, or the reading is spoiled.
const ANSWER: Duration = Duration::from_secs(3);

/// What is recommended where a board never loses a byte: more would only make a stop slow.
const ENOUGH: usize = 1_024;

/// Why nothing could be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// This firmware refuses nothing, so what is lost cannot be told from what was held.
    NoRefusals,
    Noise,
    /// It takes no notice of `G4`, so it is never busy.
    NoWait,
    /// The bytes did not get to the board in time.
    HeldBack,
    /// The board began anew meanwhile.
    Restarted,
}

impl Hindrance {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NoRefusals => {
                "this firmware refuses no line, so it cannot be measured without losing some; the safe values stay"
            }
            Self::Noise => {
                "the line is too noisy to measure; nothing was changed; look at the cable and its ground, then try again"
            }
            Self::NoWait => {
                "the board does not wait when it is told to (G4), so it cannot be measured; the safe values stay"
            }
            Self::HeldBack => {
                "this machine did not get the bytes to the board in time; nothing was changed; try again when it has less to do"
            }
            Self::Restarted => {
                "the board began anew while it was measured; nothing was changed; look at its power, then try again"
            }
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Both lie between these, and what is recommended is not more.
    Sizes {
        ring: (usize, usize),
        slots: (usize, usize),
    },
    /// So many bytes at once, and none was lost.
    NeverFull {
        bytes: usize,
    },
    Nothing(Hindrance),
}

/// The words of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommended {
    pub rx_buffer: usize,
    pub command_buffer: usize,
}

/// What a board is always believed to hold.
const SAFE: Recommended = Recommended { rx_buffer: SAFE_RECEIVE_BYTES + 1, command_buffer: 0 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Findings {
    pub found: Found,
    /// `None`: leave everything as it is.
    pub recommended: Option<Recommended>,
    /// Bursts that were sent, and how many of them told nothing.
    pub bursts: u32,
    pub spoiled: u32,
}

impl Findings {
    pub fn restarted() -> Self {
        Self { found: Found::Nothing(Hindrance::Restarted), recommended: None, bursts: 0, spoiled: 0 }
    }

    /// What was measured and what follows, for people.
    pub fn in_words(&self) -> String {
        let between = |(least, most): (usize, usize), noun: &str| match (least, most) {
            (least, most) if least == most => format!("{least} {noun}"),
            (least, most) => format!("{least} to {most} {noun}"),
        };
        match self.found {
            Found::Sizes { ring, slots } => format!(
                "its receive buffer holds {}; its command queue takes {} behind the one that runs",
                between(ring, "bytes"),
                between(slots, if slots == (1, 1) { "command" } else { "commands" }),
            ),
            Found::NeverFull { bytes } => format!(
                "no byte of {bytes} was lost: it holds back what it has no room for, as native USB does, or has room for all; \
                 {ENOUGH} are enough for any line, and more would only make a stop wait"
            ),
            Found::Nothing(hindrance) => hindrance.in_words().to_owned(),
        }
    }
}

/// When the parts of a reading are due.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// All is in the kernel's hands.
    written: Moment,
    /// All is at the board, which still waits.
    look: Moment,
    /// At the earliest, the board has waited.
    over: Moment,
    /// It has heard of everything even if it began late.
    late: Moment,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Numbering {
        agreed: bool,
    },
    Bursting {
        times: Times,
        written: bool,
    },
    /// `held_from`: the first line that was not acknowledged while the board waited.
    Emptying {
        times: Times,
        held_from: u32,
    },
    Asking {
        until: Moment,
        held_from: u32,
        acked: u32,
    },
    Resting {
        from: Moment,
    },
    Closing {
        agreed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Lines of one length; the step is how many bytes.
    Short(usize),
    Long(usize),
    /// Made to fit exactly, if it is as supposed.
    Fitting(u32),
}

/// What one burst came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    /// Lines that were acknowledged while the board waited: some firmware does that when it queues them.
    ahead: usize,
    /// Lines behind those that it held.
    held: usize,
    /// The firmware has one more than it acknowledged: all of that line but its newline was held, or an `ok` is lost.
    one_more: bool,
}

#[derive(Clone, Debug)]
pub struct Probe {
    baud: Baud,
    /// How many times faster than ours the board's clock runs.
    clock: u128,
    state: State,
    kind: Kind,
    burst: Burst,
    known: Known,
    /// Lines that this board acknowledges at once.
    ahead: usize,
    /// Of this burst.
    readings: Vec<Reading>,
    bursts: u32,
    spoiled: u32,
    held_back: u32,
    not_waiting: u32,
    /// Something was refused, or makes no sense, before the question.
    noise: bool,
    last_answer: Moment,
    /// So long without an answer, and none will come.
    quiet: Duration,
    /// The most bytes of which none was lost.
    whole: usize,
    /// What the link was told before.
    receive_bytes: usize,
    found: Option<Found>,
    slots_told: Option<usize>,
}

impl Probe {
    /// On a greeted link with nothing in flight. A simulated board waits by its own clock, which may be faster.
    pub fn begin(now: Moment, baud: Baud, simulated_speed: u16, link: &mut Link) -> Self {
        let mut probe = Self {
            baud,
            clock: u128::from(simulated_speed.max(1)),
            state: State::Closing { agreed: true },
            kind: Kind::Short(0),
            burst: Burst::uniform(FIRST, SHORT, SHORT_BYTES[0]),
            known: Known::default(),
            ahead: 0,
            readings: Vec::new(),
            bursts: 0,
            spoiled: 0,
            held_back: 0,
            not_waiting: 0,
            noise: false,
            last_answer: now,
            quiet: QUIET,
            whole: 0,
            receive_bytes: link.window().capacity().receive_bytes,
            found: None,
            slots_told: None,
        };
        if link.dialect().traits.refusal != Refusal::Asks {
            probe.found = Some(Found::Nothing(Hindrance::NoRefusals));
            return probe;
        }
        if link.is_packing() {
            // Packed lines have other lengths.
            link.withdraw_packing();
        }
        probe.number(now, link);
        probe
    }

    fn number(&mut self, now: Moment, link: &mut Link) {
        link.set_receive_bytes(self.receive_bytes);
        let done = self.found.is_some();
        link.renumber(now, if done { 0 } else { BEFORE_JOB });
        self.state = if done { State::Closing { agreed: false } } else { State::Numbering { agreed: false } };
    }

    pub fn handle_renumbered(&mut self) {
        if let State::Numbering { agreed } | State::Closing { agreed } = &mut self.state {
            *agreed = true;
        }
    }

    /// Before the link hears of it.
    pub fn handle_reply(&mut self, now: Moment, reply: &Reply) {
        match reply {
            Reply::Ok(_) | Reply::OkFirmware(_) => self.last_answer = now,
            Reply::Refused { .. } | Reply::Resend(_) | Reply::ResendUnreadable => {
                self.last_answer = now;
                self.noise = true;
            }
            Reply::Skip(_) | Reply::UnknownCommand { .. } => self.noise = true,
            _ => {}
        }
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        match self.state {
            State::Numbering { .. } | State::Closing { .. } => None,
            State::Bursting { times, written: false } => Some(times.written),
            State::Bursting { times, .. } => Some(times.look),
            State::Emptying { times, .. } => Some(times.late.max(self.last_answer + self.quiet)),
            State::Asking { until, .. } => Some(until),
            State::Resting { from } => Some(from.max(self.last_answer + self.quiet)),
        }
    }

    /// Goes on as far as it can now; what was found, at the end.
    pub fn drive(&mut self, now: Moment, link: &mut Link) -> Option<Findings> {
        match self.state {
            State::Numbering { agreed: true } => self.send(now, link),
            State::Bursting { times, written } => self.watch(now, link, times, written),
            State::Emptying { times, held_from } => self.empty(now, link, times, held_from),
            State::Asking { until, held_from, acked } => {
                let count = link.wanted().or_else(|| link.is_idle().then(|| link.window().next()));
                match count {
                    // The line whose newline alone was lost gets it from the question.
                    Some(count) if count == acked || count == acked + 1 => {
                        let from = held_from.max(FIRST);
                        self.read(Reading {
                            ahead: (from - FIRST) as usize,
                            held: acked.saturating_sub(from) as usize,
                            one_more: count != acked,
                        });
                        self.rest(now, link);
                    }
                    Some(_) => self.spoil(now, link),
                    None if now >= until => self.spoil(now, link),
                    None => {}
                }
            }
            State::Resting { from } => {
                if now >= from && now >= self.last_answer + self.quiet {
                    if link.transmit().is_empty() {
                        self.number(now, link);
                    } else {
                        // The port takes no more yet: the board is not idle.
                        self.state = State::Resting { from: now + self.quiet };
                    }
                }
            }
            State::Closing { agreed: true } => return Some(self.findings()),
            State::Numbering { .. } | State::Closing { .. } => {}
        }
        None
    }

    /// The wait, and the burst behind it.
    fn send(&mut self, now: Moment, link: &mut Link) {
        let slots = link.window().capacity().queue_slots;
        self.slots_told = (link.dialect().advanced_ok && slots > 0).then_some(slots);
        let bytes = self.burst.bytes() + SHORT;
        let (wire, turnaround) = (self.baud.time_of(bytes), link.turnaround());
        let written = now + wire + turnaround + WRITE_LATE;
        let look = written + wire + turnaround * 2 + LOOK_AFTER;
        let over = look + LOOK_BEFORE;
        // A resonator of the board may be a hundredth off.
        let late = over + turnaround * 2 + self.quiet + (over - now) / 100;
        self.bursts += 1;
        self.noise = false;
        self.quiet = QUIET + turnaround;
        link.set_receive_bytes(bytes * 2);
        link.hush(late + ANSWER);
        let wait = format!("G4 P{}", (over - now).as_millis() * self.clock).into_bytes().into();
        for command in std::iter::once(wait).chain(self.burst.commands.iter().cloned()) {
            if !link.has_room(&command) {
                // An answer that belongs to nothing has changed the link's mind.
                self.spoil(now, link);
                return;
            }
            link.send(now, Origin::Own, command);
        }
        self.state = State::Bursting { times: Times { written, look, over, late }, written: false };
    }

    /// Until the board has all that it can hold, and still waits.
    fn watch(&mut self, now: Moment, link: &mut Link, times: Times, written: bool) {
        if self.noise || !link.is_streaming() {
            self.spoil(now, link);
        } else if !written && now >= times.written {
            // Both a port that takes no more and a host that has too much to do look like this.
            if !link.transmit().is_empty() || now >= times.written + WRITE_LATE {
                self.held_back += 1;
                self.spoil(times.late, link);
            } else {
                self.state = State::Bursting { times, written: true };
            }
        } else if written && now >= times.look {
            let held_from = link.window().acked();
            if link.is_idle() {
                // A queue that answers at once may have room for all of them: more will show that.
                match self.more() {
                    Some(kind) => {
                        self.take(kind);
                        self.rest(times.late, link);
                    }
                    None => {
                        self.not_waiting += 1;
                        self.spoil(now, link);
                    }
                }
            } else if now >= times.over {
                self.held_back += 1;
                self.spoil(now, link);
            } else {
                self.state = State::Emptying { times, held_from };
            }
        }
    }

    /// Until the board has done all that it held.
    fn empty(&mut self, now: Moment, link: &mut Link, times: Times, held_from: u32) {
        if self.noise || !link.is_streaming() {
            self.spoil(times.late.max(now), link);
        } else if now >= times.late && now >= self.last_answer + self.quiet {
            let acked = link.window().acked();
            link.confirm(now);
            self.state = State::Asking { until: now + ANSWER, held_from, acked };
        }
    }

    /// A reading that tells nothing. `from`: the board is surely idle by then.
    fn spoil(&mut self, from: Moment, link: &mut Link) {
        self.spoiled += 1;
        let hindrance = if self.not_waiting >= HINDERED_MAX {
            Some(Hindrance::NoWait)
        } else if self.held_back >= HINDERED_MAX {
            Some(Hindrance::HeldBack)
        } else if self.spoiled >= SPOILED_MAX {
            Some(Hindrance::Noise)
        } else {
            None
        };
        if let Some(hindrance) = hindrance {
            // A port that took as much as this before, and now takes no more, is one that holds back.
            let usb = hindrance == Hindrance::HeldBack && self.whole > ENOUGH;
            self.found =
                Some(if usb { Found::NeverFull { bytes: self.whole } } else { Found::Nothing(hindrance) });
        }
        let waiting = match self.state {
            State::Bursting { times, .. } | State::Emptying { times, .. } => times.late,
            _ => from,
        };
        self.rest(from.max(waiting), link);
    }

    fn rest(&mut self, from: Moment, link: &mut Link) {
        link.abandon();
        self.state = State::Resting { from: from + self.quiet };
    }

    fn read(&mut self, reading: Reading) {
        self.held_back = 0;
        self.not_waiting = 0;
        self.readings.push(reading);
        let all = reading.ahead + reading.held >= self.burst.commands.len();
        if all {
            self.whole = self.whole.max(self.burst.lengths[reading.ahead..].iter().sum());
            // Nobody can lose less than nothing: one such reading is enough to try more.
            if let Some(kind) = self.more() {
                self.learn(reading);
                self.take(kind);
                return;
            }
        }
        let same = self.readings.iter().filter(|other| **other == reading).count();
        if same >= AGREE {
            self.learn(reading);
            match self.kind {
                Kind::Short(_) if all => self.end(Found::NeverFull { bytes: self.whole }),
                Kind::Short(_) => self.take(Kind::Long(0)),
                Kind::Long(_) => self.take(Kind::Fitting(0)),
                Kind::Fitting(step) => self.take(Kind::Fitting(step + 1)),
            }
        } else if self.readings.len() >= AGREE + DISAGREE {
            self.end(Found::Nothing(Hindrance::Noise));
        }
    }

    /// The same lines, but more of them.
    fn more(&self) -> Option<Kind> {
        match self.kind {
            Kind::Short(step) if step + 1 < SHORT_BYTES.len() => Some(Kind::Short(step + 1)),
            Kind::Long(step) if step + 1 < LONG_BYTES.len() => Some(Kind::Long(step + 1)),
            _ => None,
        }
    }

    fn learn(&mut self, reading: Reading) {
        self.ahead = reading.ahead;
        self.known.learn(&self.burst.lengths[reading.ahead..], reading.held);
        if self.known.is_impossible() {
            // Without noise, no board loses such lines but one that ran them meanwhile.
            let quiet = self.spoiled == 0;
            self.end(Found::Nothing(if quiet { Hindrance::NoWait } else { Hindrance::Noise }));
        }
    }

    /// What is found first is what is told.
    fn end(&mut self, found: Found) {
        self.found.get_or_insert(found);
    }

    /// The next burst, or the end.
    fn take(&mut self, kind: Kind) {
        self.readings.clear();
        self.kind = kind;
        let burst = match kind {
            Kind::Short(step) => Some(Burst::uniform(FIRST, SHORT, SHORT_BYTES[step])),
            Kind::Long(step) => {
                let enough = self.known.more_than_held(LONG) + self.ahead * LONG;
                Some(Burst::uniform(FIRST, LONG, LONG_BYTES[step].min(enough)))
            }
            Kind::Fitting(step) if step < FITTING_MAX => self.known.next_burst(FIRST, self.ahead),
            Kind::Fitting(_) => None,
        };
        match burst {
            Some(burst) => self.burst = burst,
            None => self.end(match self.known.bounds() {
                Some((ring, slots)) => Found::Sizes { ring, slots },
                None => Found::Nothing(Hindrance::Noise),
            }),
        }
    }

    fn findings(&self) -> Findings {
        let found = self.found.unwrap_or(Found::Nothing(Hindrance::Noise));
        let recommended = match found {
            Found::Sizes { .. } => self
                .known
                .surely()
                .map(|(ring, command_buffer)| Recommended { rx_buffer: ring + 1, command_buffer }),
            Found::NeverFull { .. } => {
                Some(Recommended { rx_buffer: ENOUGH, command_buffer: self.slots_told.unwrap_or(0) })
            }
            Found::Nothing(Hindrance::NoRefusals | Hindrance::NoWait) => Some(SAFE),
            Found::Nothing(_) => None,
        };
        Findings { found, recommended, bursts: self.bursts, spoiled: self.spoiled }
    }
}
