//! From the receive ring to the command queue: lines are judged, refused with a flush, or queued.

use crate::emergency::Critical;
use crate::firmware::{Firmware, Power, Queued};
use crate::parser::{Command, LineError, Verdict, judge};
use crate::quirks::Duplicates;

impl Firmware {
    /// Moves what is in the ring into the queue, as far as there are slots; says whether anything moved.
    pub(crate) fn read_lines(&mut self, now_us: u64) -> bool {
        let before = self.receive_ring.len();
        while self.power == Power::Running && !self.flush_is_due && self.has_free_slot() {
            let Some(byte) = self.receive_ring.pop_front() else {
                break;
            };
            if let Some(line) = self.reader.push(byte) {
                self.take_line(now_us, &line);
            }
        }
        self.receive_ring.len() != before
    }

    fn take_line(&mut self, now_us: u64, line: &[u8]) {
        let mut verdict = judge(line, self.last_number);
        if verdict == Verdict::Duplicate && self.config.duplicates == Duplicates::Resend {
            verdict = Verdict::Refuse(LineError::Number);
        }
        match verdict {
            Verdict::Duplicate => self.ledger.totals.duplicates += 1,
            Verdict::Refuse(error) => self.refuse(now_us, error),
            Verdict::Accept(number) => {
                if let Some(number) = number {
                    self.last_number = number;
                }
                let command = Command::read(line);
                if self.config.critical_at_read && !self.config.emergency_parser && number.is_none() {
                    let critical = match (command.letter, command.code) {
                        (b'M', Some(108)) => Some(Critical::EndWait),
                        (b'M', Some(112)) => Some(Critical::Kill),
                        (b'M', Some(410)) => Some(Critical::QuickStop),
                        _ => None,
                    };
                    if let Some(critical) = critical {
                        self.act_on(now_us, critical);
                    }
                }
                if self.power == Power::Running {
                    self.queue.push_back(Queued { number, command });
                }
            }
        }
    }

    /// Says what is wrong, throws away what has arrived behind it and asks for the line again.
    fn refuse(&mut self, now_us: u64, error: LineError) {
        let totals = &mut self.ledger.totals;
        match error {
            LineError::Number => totals.number_errors += 1,
            LineError::Checksum => totals.checksum_errors += 1,
            LineError::NoChecksum => totals.missing_checksums += 1,
        }
        totals.resends += 1;
        self.say(now_us, &format!("Error:{}{}", error.text(), self.last_number));
        if self.config.transmit_byte_ns == 0 {
            self.flush_and_ask(now_us);
        } else {
            self.flush_is_due = true;
        }
    }

    /// Throws away what has arrived behind a bad line and asks for that line again.
    pub(crate) fn flush_and_ask(&mut self, now_us: u64) {
        self.flush_is_due = false;
        self.ledger.totals.bytes_flushed += self.receive_ring.len() as u64;
        self.receive_ring.clear();
        self.reader.clear();
        self.say(now_us, &format!("Resend: {}", self.last_number.saturating_add(1)));
        self.say_ok(now_us, "ok");
    }

    pub(crate) fn act_on(&mut self, now_us: u64, critical: Critical) {
        match critical {
            Critical::Kill => self.halt_by_m112(now_us),
            Critical::QuickStop => {
                self.planner.stop(now_us);
                self.machine.position = self.planner.actual_position(now_us);
            }
            Critical::EndWait => self.end_wait(now_us, true),
            Critical::Answer => self.end_wait(now_us, false),
        }
        self.schedule_turn(now_us);
    }
}
