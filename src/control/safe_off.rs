//! Switching a printer's heaters off when nobody knows what it is in the middle of.
//!
//! It says so whatever was said before (a newline ends a cut line, a signal ends packed ones), asks for the
//! temperatures, and believes nothing but them: an `ok` may be that of a line that was sent before us. A board
//! that restarted when the port was opened loses the first words, so all is said again until it is believed.
//! No line goes out for which the receive buffer may have no room: a board that waits for heat reads nothing, and
//! what is left of two lines that ran into each other could heat (`M104 S` and `108`).

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
/// So many questions may be without an answer: a board that reads nothing may hold what others have sent, too.
const QUESTIONS: usize = 3;
/// Without an `ok` for so long, what was said is lost or waits to be read: one question more tells.
const UNANSWERED: Duration = Duration::from_secs(8);
/// As many `ok`s as commands must be answered, or more: less means that they still wait for their turn. (An
/// emergency parser takes `M108` without one.)
const COMMANDS: u32 = 7;
/// All is said again after this time.
const REPEAT: Duration = Duration::from_secs(3);
/// Targets are zero in each report for so long; a heat-up that was queued before us would have begun.
const ZERO_FOR: Duration = Duration::from_millis(1_500);
/// How often the temperatures are asked for meanwhile.
const ASK: Duration = Duration::from_millis(500);

/// What a board was last heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    pub hotend: Option<Reading>,
    pub bed: Option<Reading>,
    pub chamber: Option<Reading>,
}

/// One printer, from the opening of its port.
#[derive(Debug)]
pub struct SafeOff {
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
    /// Since when every report had targets of zero.
    zero_since: Option<Moment>,
    last_zero: Moment,
    repeat_at: Moment,
    ask_at: Moment,
}

impl SafeOff {
    /// `unread`: bytes that somebody has sent before, and that the board may not have read yet.
    pub fn begin(now: Moment, unread: usize) -> Self {
        let mut begun = Self {
            lines: Lines::new(),
            out: Vec::new(),
            to_say: VecDeque::new(),
            unread: [(unread, false)].into(),
            answered_at: now,
            reported: false,
            oks: 0,
            heard: Heard::default(),
            talked: false,
            zero_since: None,
            last_zero: now,
            repeat_at: now,
            ask_at: now,
        };
        begun.handle_timeout(now);
        begun
    }

    /// Its heaters are off, as it says itself.
    pub fn is_off(&self) -> bool {
        let zero_for = self.zero_since.map(|since| self.last_zero.since(since));
        self.oks >= COMMANDS && zero_for.is_some_and(|time| time >= ZERO_FOR)
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
        match Reply::parse(line) {
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
            Reply::Start => {
                (self.oks, self.zero_since) = (0, None);
                self.unread.clear();
                self.to_say.clear();
                self.repeat_at = now;
            }
            _ => {}
        }
    }

    fn take(&mut self, now: Moment, report: &TemperatureReport) {
        self.heard = Heard { hotend: report.hotend, bed: report.bed, chamber: report.chamber };
        let heaters = [report.hotend, report.bed, report.chamber];
        let wanted = |heater: &Reading| heater.target.is_some_and(|target| target.0 > 0.0);
        if heaters.iter().flatten().any(wanted) {
            self.zero_since = None;
        } else {
            self.zero_since.get_or_insert(now);
            self.last_zero = now;
        }
    }

    pub fn poll_timeout(&self) -> Moment {
        self.repeat_at.min(self.ask_at)
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        if now.since(self.answered_at) >= UNANSWERED {
            self.answered_at = now;
            self.out.extend_from_slice(QUESTION);
        }
        if now >= self.repeat_at {
            self.repeat_at = now + REPEAT;
            self.ask_at = now + ASK;
            if self.to_say.is_empty() {
                self.to_say.extend(ORDERS.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
                // What ends a line of others has no `ok` of its own.
                if let Some(first) = self.to_say.front_mut() {
                    *first = [meatpack::END_ANY_LINE, meatpack::DISABLE, b"\n", first].concat();
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
