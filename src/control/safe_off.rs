//! Switching a printer's heaters off when nobody knows what it is in the middle of.
//!
//! It says so whatever was said before (a newline ends a cut line, a signal ends packed ones), asks for the
//! temperatures, and believes nothing but them: an `ok` may be that of a line that was sent before us. A board
//! that restarted when the port was opened loses the first words, so all is said again until it is believed.

use std::time::Duration;

use crate::domain::moment::Moment;
use crate::domain::printer::Reading;
use crate::protocol::lines::Lines;
use crate::protocol::meatpack;
use crate::protocol::reply::Reply;
use crate::protocol::report::TemperatureReport;

/// `M108` first: a wait for heat would hold the rest back.
/// `M104 S0` is for the tool in use.
pub const ORDERS: &[u8] = b"M108\nM104 S0\nM104 T0 S0\nM104 T1 S0\nM140 S0\nM141 S0\nM107\nM105\n";
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
    pub fn begin(now: Moment) -> Self {
        let mut begun = Self {
            lines: Lines::new(),
            out: Vec::new(),
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
    }

    fn handle_line(&mut self, now: Moment, line: &[u8]) {
        match Reply::parse(line) {
            Reply::Ok(ack) => {
                self.oks += 1;
                if let Some(report) = &ack.temperatures {
                    self.take(now, report);
                }
            }
            Reply::Temperatures(report) => self.take(now, &report),
            // Everything is off and forgotten; what was said while it booted, too.
            Reply::Start => {
                (self.oks, self.zero_since) = (0, None);
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
        if now >= self.repeat_at {
            self.repeat_at = now + REPEAT;
            self.ask_at = now + ASK;
            self.out.extend_from_slice(meatpack::END_ANY_LINE);
            self.out.extend_from_slice(meatpack::DISABLE);
            self.out.push(b'\n');
            self.out.extend_from_slice(ORDERS);
        } else if now >= self.ask_at {
            self.ask_at = now + ASK;
            self.out.extend_from_slice(b"M105\n");
        }
    }
}
