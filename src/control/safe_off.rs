//! Switching a printer's heaters off when nobody knows what it is in the middle of.
//!
//! It says so whatever was said before (a newline ends a cut line, a signal ends packed ones), asks for the
//! temperatures, and believes nothing but them: an `ok` may be that of a line that was sent before us. A board
//! that restarted when the port was opened loses the first words, so all is said again until it is believed.
//! No line goes out for which the receive buffer may have no room: a board that waits for heat reads nothing, and
//! what is left of two lines that ran into each other could heat (`M104 S` and `108`) or change the tool (`T1 S0`).
//! What others have left unread nobody knows, so the first word is one that no firmware knows, and no piece of it:
//! when the board says so, it has read all that stood before.
//!
//! ```text
//! Knocking ──its answer, a restart, or two seconds without either──> Ordering
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::moment::Moment;
use crate::domain::printer::Reading;
use crate::protocol::lines::Lines;
use crate::protocol::meatpack;
use crate::protocol::reply::Reply;
use crate::protocol::report::TemperatureReport;
use crate::protocol::window::SAFE_RECEIVE_BYTES;

/// `M108` first: a wait for heat would hold the rest back.
/// `M104 S0` is for the tool in use.
pub const ORDERS: &[u8] = b"M108\nM104 S0\nM104 T0 S0\nM104 T1 S0\nM140 S0\nM141 S0\nM107\nM105\n";
const QUESTION: &[u8] = b"M105\n";
/// A board that does not answer the knock hears the orders all the same: perhaps only its words are lost, or it
/// waits for heat and its emergency parser can break that off.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of the word that is knocked with. It has no digit, no axis and nothing that a command begins with.
const LETTERS: usize = 8;
/// So many questions may be without an answer: a board that reads nothing may hold what others have sent, too.
const QUESTIONS: usize = 3;
/// Without an `ok` for so long, what was said is lost or waits to be read: one question more tells.
const UNANSWERED: Duration = Duration::from_secs(8);
/// As many `ok`s as orders must be answered, or more: less means that they still wait for their turn. (An
/// emergency parser takes `M108` without one.)
const COMMANDS: u32 = 7;
/// All is said again after this time.
const REPEAT: Duration = Duration::from_secs(3);
/// Targets are zero in each report for so long; a heat-up that was queued before us would have begun.
const ZERO_FOR: Duration = Duration::from_millis(1_500);
/// So many reports must say so: noise can make a zero of `60`.
const REPORTS: u32 = 3;
/// How often the word is said again, and the temperatures are asked for.
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
    /// `answered`: the word was read in an answer, its `ok` was not.
    Knocking { word: [u8; LETTERS], until: Moment, answered: bool },
    /// Whether the knock was answered, so that no half line is left and nothing is packed.
    Ordering { answered: bool },
}

/// One printer, from the opening of its port.
#[derive(Debug)]
pub struct SafeOff {
    stage: Stage,
    lines: Lines,
    out: Vec<u8>,
    /// Lines that have still to be said.
    to_say: VecDeque<Vec<u8>>,
    /// Bytes of each line that the board may not have read yet, and whether it asks for the temperatures.
    unread: VecDeque<(usize, bool)>,
    /// The last `ok`, or the last time that one was missed.
    answered_at: Moment,
    /// A report was read since the last `ok`: the `ok` of firmwares that answer in two lines.
    reported: bool,
    oks: u32,
    heard: Heard,
    talked: bool,
    /// Of each heater that was heard of, whether its last target was above zero.
    wanted: [Option<bool>; 3],
    /// Since when every report had targets of zero, and how many.
    zero_since: Option<Moment>,
    zeros: u32,
    last_zero: Moment,
    repeat_at: Moment,
    ask_at: Moment,
}

impl SafeOff {
    /// `unread`: bytes that were sent before, as far as is known, and that the board may not have read yet.
    pub fn begin(now: Moment, unread: usize) -> Self {
        // Another one each time: the knock of a program before us may wait there, too.
        let word = std::array::from_fn(|bit| if now.micros() >> bit & 1 == 0 { b'Q' } else { b'J' });
        let mut begun = Self {
            stage: Stage::Knocking { word, until: now + PATIENCE, answered: false },
            lines: Lines::new(),
            out: Vec::new(),
            // What ends a line of others has no `ok` of its own.
            to_say: [[meatpack::END_ANY_LINE, meatpack::DISABLE, b"\n", &word, b"\n"].concat()].into(),
            unread: [(unread, false)].into(),
            answered_at: now,
            reported: false,
            oks: 0,
            heard: Heard::default(),
            talked: false,
            wanted: [None; 3],
            zero_since: None,
            zeros: 0,
            last_zero: now,
            repeat_at: now + PATIENCE,
            ask_at: now + ASK,
        };
        begun.say();
        begun
    }

    /// Its heaters are off, as it says itself.
    pub fn is_off(&self) -> bool {
        let zero_for = self.zero_since.map(|since| self.last_zero.since(since));
        self.oks >= COMMANDS && self.zeros >= REPORTS && zero_for.is_some_and(|time| time >= ZERO_FOR)
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

    /// One more line was read; lines are read in order, so whatever stands before an answered question was, too.
    fn was_read(&mut self, now: Moment, question: bool) {
        self.answered_at = now;
        if matches!(self.stage, Stage::Knocking { .. }) {
            return;
        }
        let asked = self.unread.iter().position(|(_, asks)| *asks).filter(|_| question);
        self.unread.drain(..asked.map_or(1, |at| at + 1).min(self.unread.len()));
    }

    /// Says as much as there is room for.
    fn say(&mut self) {
        while let Some(line) = self.to_say.front() {
            let unread: usize = self.unread.iter().map(|(bytes, _)| bytes).sum();
            if unread + line.len() > SAFE_RECEIVE_BYTES {
                return;
            }
            self.out.extend_from_slice(line);
            self.unread.push_back((line.len(), line == QUESTION));
            self.to_say.pop_front();
        }
    }

    fn handle_line(&mut self, now: Moment, line: &[u8]) {
        if let Stage::Knocking { word, answered, .. } = &mut self.stage {
            *answered |= line.windows(LETTERS).any(|part| part == word);
        }
        match Reply::parse(line) {
            Reply::Ok(_) if matches!(self.stage, Stage::Knocking { answered: true, .. }) => self.order(now),
            Reply::Ok(ack) => {
                self.oks += 1;
                let reported = std::mem::take(&mut self.reported);
                self.was_read(now, reported || ack.temperatures.is_some());
                if let Some(report) = &ack.temperatures {
                    self.take(now, report);
                }
            }
            Reply::Temperatures(report) => {
                self.reported = true;
                self.take(now, &report);
            }
            // Everything is off and forgotten; what was said while it booted, too.
            Reply::Start => self.order(now),
            _ => {}
        }
    }

    /// The board has read all that was said so far: it hears the orders, and only what it says from now on counts.
    fn order(&mut self, now: Moment) {
        self.stage = Stage::Ordering { answered: true };
        (self.oks, self.zeros, self.reported) = (0, 0, false);
        (self.wanted, self.zero_since) = ([None; 3], None);
        self.answered_at = now;
        self.unread.clear();
        self.to_say.clear();
        self.repeat_at = now;
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
        if self.wanted.contains(&Some(true)) {
            (self.zero_since, self.zeros) = (None, 0);
        } else if is_whole {
            self.zero_since.get_or_insert(now);
            self.zeros += 1;
            self.last_zero = now;
        }
    }

    pub fn poll_timeout(&self) -> Moment {
        self.repeat_at.min(self.ask_at)
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        if now.since(self.answered_at) >= UNANSWERED {
            self.answered_at = now;
            // The newline: whatever had no room must not run into it.
            self.out.push(b'\n');
            self.out.extend_from_slice(QUESTION);
        }
        if let Stage::Knocking { word, until, .. } = self.stage {
            if now < until {
                if now >= self.ask_at {
                    self.ask_at = now + ASK;
                    self.to_say.push_back([&word[..], b"\n"].concat());
                    self.say();
                }
                return;
            }
            self.stage = Stage::Ordering { answered: false };
            self.to_say.clear();
        }
        if now >= self.repeat_at {
            self.repeat_at = now + REPEAT;
            self.ask_at = now + ASK;
            if self.to_say.is_empty() {
                self.to_say.extend(ORDERS.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
                // Where noise has left half a line; and where packing may still be on. What a firmware refuses takes
                // what stands behind it with it (Repetier), so nothing is said in vain.
                let ends: [&[u8]; 2] = match self.stage {
                    Stage::Ordering { answered: true } => [b"", b""],
                    _ => [meatpack::END_ANY_LINE, meatpack::DISABLE],
                };
                if let Some(first) = self.to_say.front_mut() {
                    *first = [ends[0], ends[1], b"\n", first].concat();
                }
            }
        } else if now >= self.ask_at {
            self.ask_at = now + ASK;
            let asked = self.unread.iter().filter(|(_, asks)| *asks).count();
            if self.to_say.is_empty() && asked < QUESTIONS {
                self.to_say.push_back(QUESTION.to_vec());
            }
        }
        self.say();
    }
}
