//! Switching a printer's heaters off when nobody knows what it is in the middle of.
//!
//! What others have left unread in its buffer nobody knows. So the first word is one that no firmware knows, and no
//! piece of it: when the board names it, it has read all that stood before, and the orders find room. They are
//! followed by another such word: when that is named, they were carried out. Only temperatures that are told behind
//! it are believed: an `ok`, and a target of zero, may be those of a line that was sent before us.
//!
//! ```text
//! Knocking ───────the word is named, or the board restarts──────> Ordering ──its word is named──> Obeyed
//!     │  └─nothing is read for a second: M108                       ↑   ↑                           │
//!     └─nothing is read for long─> OrderingBlindly ─word is named─>─┘   └───────a target is set─────┘
//! ```
//! A refused line takes what stands behind it with it: what was said since is said again.
//! A board that waits for heat reads nothing, and of what has no room in its buffer only pieces are left. So what is
//! said before a word was named is numbered: without its checksum no beginning of it is taken, as `M1` of `M108`, a
//! wait for a person, would be; and no end of it does anything, as `T1 S0`, a change of the tool, would.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::moment::Moment;
use crate::domain::printer::{Firmware, Reading};
use crate::protocol::frame::write_numbered;
use crate::protocol::lines::Lines;
use crate::protocol::meatpack;
use crate::protocol::reply::Reply;
use crate::protocol::report::TemperatureReport;
use crate::protocol::window::SAFE_RECEIVE_BYTES;

/// `M108` first: a wait for heat would hold the rest back.
/// `M104 S0` is for the tool in use.
pub const ORDERS: &[u8] = b"M108\nM104 S0\nM104 T0 S0\nM104 T1 S0\nM140 S0\nM141 S0\nM107\nM105\n";
/// What is said of them to a board that has named nothing yet, numbered.
const BLIND_ORDERS: [&[u8]; 4] = [b"M104 S0", b"M140 S0", b"M141 S0", b"M107"];
const QUESTION: &[u8] = b"M105\n";
/// Whatever number came before, the next is 1.
const RENUMBER: &[u8] = b"M110 N0";
/// Of a word of `K` and `H`. It has no digit, no axis, nothing that a command begins with, and nothing that goes on
/// with an arc where a firmware has motion modes (Marlin `parser.cpp`).
const LETTERS: usize = 8;
/// Where nothing was read for so long, a wait for heat is broken off, if an emergency parser hears that.
const WAKE_AFTER: Duration = Duration::from_secs(1);
/// A firmware that reads on after so many words does not name what it does not know (Smoothieware).
const KNOCKS: u32 = 3;
/// `M108` is said so often at most: what is not read fills its buffer.
const WAKES: u32 = 3;
/// A board that reads nothing for so long hears orders all the same: perhaps only its words are lost.
const PATIENCE: Duration = Duration::from_secs(6);
/// So many questions may be without an answer: a board that reads nothing may hold what others have sent, too.
const QUESTIONS: usize = 3;
/// Without an `ok` for so long, what was said is lost or waits to be read: one question more tells.
const UNANSWERED: Duration = Duration::from_secs(8);
/// Where a firmware names nothing, so many `ok`s behind the orders tell: more lines of others do not fit into a
/// buffer.
const OTHERS_LINES: u32 = 64;
/// What a refusal has taken is said again after this time.
const SAY_AGAIN: Duration = Duration::from_millis(250);
/// Targets are zero in each report for so long.
const ZERO_FOR: Duration = Duration::from_millis(1_500);
/// So many reports must say so: noise can make a zero of `60`.
const REPORTS: u32 = 3;
/// How often the temperatures are asked for.
const ASK: Duration = Duration::from_millis(500);

/// What a board was last heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    pub hotend: Option<Reading>,
    pub bed: Option<Reading>,
    pub chamber: Option<Reading>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Knocking,
    /// Nothing was named yet. `oks`: so many are still to come before the orders count as read.
    OrderingBlindly {
        oks: u32,
    },
    Ordering {
        oks: u32,
    },
    /// Since when every report had targets of zero, and how many there were.
    Obeyed {
        zero_since: Option<Moment>,
        last_zero: Moment,
        zeros: u32,
    },
}

/// Whether lines may be packed on a printer that is configured so: the firmware may know it, and nobody says that it
/// is one that does not.
pub fn may_pack(meatpack: bool, firmware: Option<Firmware>) -> bool {
    let knows = matches!(firmware, None | Some(Firmware::Unknown | Firmware::Marlin20 | Firmware::Marlin21));
    meatpack && knows
}

/// A line that has still to be said. Its number is that of the moment when it is.
#[derive(Clone, Debug)]
enum Line {
    Plain(Vec<u8>),
    /// With what ends a line of others before it.
    Numbered(Vec<u8>, &'static [u8]),
}

/// A line that the board may not have read yet.
#[derive(Clone, Copy, Debug)]
struct Unread {
    bytes: usize,
    asks: bool,
}

/// One printer, from the opening of its port.
#[derive(Debug)]
pub struct SafeOff {
    stage: Stage,
    /// The word that it is to name, and whether it has. (Its `ok` may come before, as Repetier's does.)
    word: [u8; LETTERS],
    named: bool,
    words: u64,
    /// Of the last line that was numbered, if the board was told where the numbers begin.
    number: Option<u32>,
    /// It names what it does not know.
    names: bool,
    lines: Lines,
    out: Vec<u8>,
    /// Lines that have still to be said.
    to_say: VecDeque<Line>,
    unread: VecDeque<Unread>,
    packs: bool,
    /// What ends a packed line may be what was refused: it is left out once.
    is_refused: bool,
    /// The last `ok`, or restart; and whether it came since a word was said.
    read_at: Moment,
    has_read: bool,
    /// The last `ok`, or the last time that one was missed.
    answered_at: Moment,
    /// A report was read since the last `ok`: the `ok` of firmwares that answer in two lines.
    reported: bool,
    heard: Heard,
    talked: bool,
    /// Of each heater that was heard of, whether its last target was above zero.
    wanted: [Option<bool>; 3],
    woken_at: Moment,
    /// Since something was read.
    wakes: u32,
    /// What was said last to a board that is quiet was a wake.
    is_woken: bool,
    knocks: u32,
    again_at: Option<Moment>,
    ask_at: Moment,
}

impl SafeOff {
    /// `unread`: bytes that were sent before, as far as is known, and that the board may not have read yet.
    /// `packs`: packing may be on. What ends it is refused by firmwares that never pack.
    pub fn begin(now: Moment, unread: usize, packs: bool) -> Self {
        let mut begun = Self {
            stage: Stage::Knocking,
            word: [0; LETTERS],
            named: false,
            // Other words each time: the knock of a program before us may wait there, too.
            words: now.micros(),
            number: None,
            names: false,
            lines: Lines::new(),
            out: Vec::new(),
            to_say: VecDeque::new(),
            unread: [Unread { bytes: unread, asks: false }].into(),
            packs,
            is_refused: false,
            read_at: now,
            has_read: false,
            answered_at: now,
            reported: false,
            heard: Heard::default(),
            talked: false,
            wanted: [None; 3],
            woken_at: now,
            wakes: 0,
            is_woken: false,
            knocks: 0,
            again_at: None,
            ask_at: now + ASK,
        };
        begun.knock();
        begun.say();
        begun
    }

    /// Its heaters are off, as it says itself.
    pub fn is_off(&self) -> bool {
        match self.stage {
            Stage::Obeyed { zero_since: Some(since), last_zero, zeros } => {
                zeros >= REPORTS && last_zero.since(since) >= ZERO_FOR
            }
            _ => false,
        }
    }

    /// Whether it said anything at all.
    pub fn has_talked(&self) -> bool {
        self.talked
    }

    pub fn heard(&self) -> Heard {
        self.heard
    }

    pub fn transmit(&self) -> &[u8] {
        &self.out
    }

    pub fn transmitted(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
    }

    pub fn handle_bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.talked |= !bytes.is_empty();
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(bytes, |line| self.handle_line(now, line));
        self.lines = lines;
        self.say();
    }

    /// What ends a line of others, whatever it is. It has no `ok` of its own.
    fn ends(&self) -> Vec<u8> {
        let ends: &[&[u8]] =
            if self.packs && !self.is_refused { &[meatpack::END_ANY_LINE, meatpack::DISABLE] } else { &[] };
        [&ends.concat()[..], b"\n"].concat()
    }

    fn knock(&mut self) {
        let knock = [self.ends(), self.next_word()].concat();
        self.to_say.push_back(Line::Plain(knock));
    }

    /// A line with a word that was not said yet.
    fn next_word(&mut self) -> Vec<u8> {
        self.words += 1;
        let words = self.words;
        self.word = std::array::from_fn(|bit| if words >> bit & 1 == 0 { b'K' } else { b'H' });
        (self.named, self.has_read) = (false, false);
        [&self.word[..], b"\n"].concat()
    }

    fn note_read(&mut self, now: Moment) {
        (self.answered_at, self.read_at, self.has_read) = (now, now, true);
        self.wakes = 0;
    }

    /// One more line was read; lines are read in order, so whatever stands before an answered question was, too.
    fn was_read(&mut self, now: Moment, question: bool) {
        self.note_read(now);
        let asked = self.unread.iter().position(|line| line.asks).filter(|_| question);
        self.unread.drain(..asked.map_or(1, |at| at + 1).min(self.unread.len()));
    }

    /// Says as much as there is room for.
    fn say(&mut self) {
        while let Some(line) = self.to_say.front() {
            let unread: usize = self.unread.iter().map(|line| line.bytes).sum();
            let (bytes, number) = match line {
                Line::Plain(bytes) => (bytes.clone(), self.number),
                Line::Numbered(ends, command) => {
                    let mut bytes = ends.clone();
                    let number = write_next(&mut bytes, self.number, command);
                    (bytes, Some(number))
                }
            };
            if unread + bytes.len() > SAFE_RECEIVE_BYTES {
                return;
            }
            self.number = number;
            self.tell(bytes);
            self.to_say.pop_front();
        }
    }

    /// Whether there is room for it or not.
    fn tell(&mut self, bytes: Vec<u8>) {
        let asks = bytes.windows(4).any(|part| part == b"M105");
        self.unread.push_back(Unread { bytes: bytes.len(), asks });
        self.out.extend(bytes);
    }

    /// Before whatever has still to be said. The newline: what had no room must not run into it.
    fn tell_numbered(&mut self, command: &'static [u8]) {
        let mut bytes = b"\n".to_vec();
        if self.number.is_none() {
            self.number = Some(write_next(&mut bytes, None, RENUMBER));
            self.tell(std::mem::take(&mut bytes));
        }
        self.number = Some(write_next(&mut bytes, self.number, command));
        self.tell(bytes);
    }

    fn handle_line(&mut self, now: Moment, line: &[u8]) {
        if !self.named && line.windows(LETTERS).any(|part| part == self.word) {
            (self.named, self.names) = (true, true);
            match self.stage {
                Stage::Knocking | Stage::OrderingBlindly { .. } => {
                    self.unread.clear();
                    self.order(now);
                }
                Stage::Ordering { .. } => self.obeyed(now),
                Stage::Obeyed { .. } => {}
            }
        }
        match Reply::parse(line) {
            Reply::Ok(ack) => {
                let reported = std::mem::take(&mut self.reported);
                let question = reported || ack.temperatures.is_some();
                match &mut self.stage {
                    // It may be a line of others.
                    Stage::Knocking => self.note_read(now),
                    Stage::OrderingBlindly { oks: 0 } => {
                        self.unread.clear();
                        self.order(now);
                    }
                    Stage::Ordering { oks: 0 } => self.obeyed(now),
                    Stage::OrderingBlindly { oks } | Stage::Ordering { oks } => {
                        *oks -= 1;
                        self.was_read(now, question);
                        self.ask();
                    }
                    Stage::Obeyed { .. } => self.was_read(now, question),
                }
                if let Some(report) = &ack.temperatures {
                    self.take(now, report);
                }
            }
            Reply::OkFirmware(_) => self.was_read(now, false),
            Reply::Temperatures(report) => {
                self.reported = true;
                self.take(now, &report);
            }
            // Everything is off and forgotten; what was said while it booted, too.
            Reply::Start => {
                (self.answered_at, self.read_at) = (now, now);
                self.wanted = [None; 3];
                self.number = None;
                self.unread.clear();
                self.order(now);
            }
            // What stood behind the refused line is lost.
            Reply::Refused { .. } | Reply::Resend(_) | Reply::ResendUnreadable => {
                self.unread.clear();
                self.number = None;
                self.read_at = now;
                self.again_at.get_or_insert(now + SAY_AGAIN);
            }
            _ => {}
        }
    }

    /// The board, which has read all that others have left, hears the orders, and then a word of its own.
    fn order(&mut self, now: Moment) {
        let mut ends = self.ends();
        let orders = ORDERS.split_inclusive(|byte| *byte == b'\n');
        let orders =
            orders.map(|order| Line::Plain([&std::mem::take(&mut ends)[..], order].concat())).collect();
        let said = self.say_first(now, orders);
        // Noise may have taken the word from a board that names words.
        self.stage = Stage::Ordering { oks: said + if self.names { OTHERS_LINES } else { 0 } };
    }

    /// The board, of which nothing is known, hears what may be cut.
    fn order_blindly(&mut self, now: Moment) {
        let mut orders: VecDeque<_> = BLIND_ORDERS.map(|order| Line::Numbered(Vec::new(), order)).into();
        orders.push_front(Line::Numbered(self.ends(), RENUMBER));
        let said = self.say_first(now, orders);
        self.stage = Stage::OrderingBlindly { oks: said + OTHERS_LINES };
    }

    /// Instead of whatever was still to be said; a word follows. Says how many lines it is.
    fn say_first(&mut self, now: Moment, lines: VecDeque<Line>) -> u32 {
        (self.again_at, self.ask_at) = (None, now + ASK);
        self.to_say = lines;
        let word = self.next_word();
        self.to_say.push_back(Line::Plain(word));
        u32::try_from(self.to_say.len()).unwrap_or(u32::MAX)
    }

    /// Whether the receive buffer has room for sure, and no line of ours is cut.
    fn has_room(&self) -> bool {
        matches!(self.stage, Stage::Ordering { .. } | Stage::Obeyed { .. })
    }

    /// The orders were carried out: what it says from now on counts.
    fn obeyed(&mut self, now: Moment) {
        self.unread.clear();
        (self.answered_at, self.read_at) = (now, now);
        self.stage = Stage::Obeyed { zero_since: None, last_zero: now, zeros: 0 };
    }

    fn ask(&mut self) {
        let asked = self.unread.iter().filter(|line| line.asks).count();
        if !self.to_say.is_empty() || asked >= QUESTIONS {
            return;
        }
        if self.has_room() {
            self.to_say.push_back(Line::Plain(QUESTION.to_vec()));
        } else {
            // A number that must be refused takes what stands behind it.
            if self.number.is_none() {
                self.to_say.push_back(Line::Numbered(Vec::new(), RENUMBER));
            }
            self.to_say.push_back(Line::Numbered(Vec::new(), b"M105"));
        }
    }

    fn take(&mut self, now: Moment, report: &TemperatureReport) {
        self.heard = Heard { hotend: report.hotend, bed: report.bed, chamber: report.chamber };
        let heaters = [report.hotend, report.bed, report.chamber];
        let mut is_whole = true;
        for (wanted, heater) in self.wanted.iter_mut().zip(heaters) {
            match heater.and_then(|heater| heater.target) {
                Some(target) => *wanted = Some(target.0 > 0.0),
                None => is_whole &= wanted.is_none(),
            }
        }
        let Stage::Obeyed { zero_since, last_zero, zeros } = &mut self.stage else { return };
        if self.wanted.contains(&Some(true)) {
            // Somebody has set it since, or noise has changed an order: all again.
            self.order(now);
        } else if is_whole {
            zero_since.get_or_insert(now);
            (*last_zero, *zeros) = (now, *zeros + 1);
        }
    }

    pub fn poll_timeout(&self) -> Moment {
        self.again_at.map_or(self.ask_at, |again| again.min(self.ask_at))
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        if now.since(self.answered_at) >= UNANSWERED {
            self.answered_at = now;
            self.tell_numbered(b"M105");
        }
        if now >= self.ask_at {
            self.ask_at = now + ASK;
            let waits = now.since(self.read_at.max(self.woken_at)) >= WAKE_AFTER;
            let is_obeyed = matches!(self.stage, Stage::Obeyed { .. });
            if waits && !is_obeyed {
                self.woken_at = now;
                // It has read on, and did not find what was said.
                let has_read_on = self.is_woken && self.to_say.is_empty() && self.has_read;
                let is_refused = std::mem::take(&mut self.is_refused) && self.stage == Stage::Knocking;
                self.is_woken = !has_read_on && !is_refused;
                match self.stage {
                    Stage::Knocking if has_read_on || is_refused => {
                        self.knocks += 1;
                        if self.knocks < KNOCKS { self.knock() } else { self.order_blindly(now) }
                    }
                    Stage::OrderingBlindly { .. } if has_read_on => self.order_blindly(now),
                    Stage::Ordering { .. } if has_read_on => self.order(now),
                    _ if self.wakes < WAKES => {
                        self.wakes += 1;
                        self.tell_numbered(b"M108");
                    }
                    _ => {}
                }
            } else if self.stage != Stage::Knocking {
                self.ask();
            }
        }
        let is_refused = self.again_at.is_some_and(|again| now >= again);
        if is_refused {
            self.again_at = None;
        }
        match self.stage {
            Stage::Knocking if now.since(self.read_at) >= PATIENCE => self.order_blindly(now),
            Stage::Knocking if is_refused => {
                self.is_refused = true;
                self.knock();
            }
            Stage::OrderingBlindly { .. } if is_refused => {
                self.is_refused = true;
                self.order_blindly(now);
            }
            Stage::Ordering { .. } if is_refused => {
                self.is_refused = true;
                self.order(now);
            }
            _ => {}
        }
        self.say();
    }
}

/// Appends a command with its number, and says which that is: `RENUMBER` has the number 0.
fn write_next(out: &mut Vec<u8>, last: Option<u32>, command: &[u8]) -> u32 {
    let number = if command == RENUMBER { 0 } else { last.map_or(0, |last| last.wrapping_add(1)) };
    write_numbered(out, number, command);
    number
}
