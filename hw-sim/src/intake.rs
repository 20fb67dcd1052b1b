//! From the receive ring to the command queue: lines are judged, refused with a flush, or queued.

use crate::dialects::{judge_as, line_number};
use crate::display::Doing;
use crate::emergency::Critical;
use crate::firmware::{Firmware, Power, Queued};
use crate::parser::{Command, LineError, Verdict};
use crate::quirks::{Acknowledge, Duplicates, LineCheck, ResendRequest};
use crate::texts::Stop;

/// So many lines in a row that are no commands, and the last of them is taken (Repetier).
const FORMAT_ERRORS_BELIEVED: u32 = 3;

impl Firmware {
    /// Moves what is in the ring into the queue, as far as there are slots; says whether anything moved.
    pub(crate) fn read_lines(&mut self, now_us: u64) -> bool {
        let before = self.unread();
        while self.power == Power::Running && !self.flush_is_due && self.has_free_slot() {
            let Some(byte) = self.next_character(now_us) else {
                break;
            };
            if let Some(line) = self.reader.push(byte) {
                self.take_line(now_us, &line);
            }
        }
        self.unread() != before
    }

    /// What the main loop has yet to look at.
    pub(crate) fn unread(&self) -> usize {
        self.receive_ring.len() + self.meatpack.waiting()
    }

    /// The next character from the ring, unpacked if need be: what lies in the ring lies there packed.
    fn next_character(&mut self, now_us: u64) -> Option<u8> {
        if !self.config.meatpack {
            return self.receive_ring.pop_front();
        }
        loop {
            if let Some(character) = self.meatpack.pop() {
                return Some(character);
            }
            let byte = self.receive_ring.pop_front()?;
            if let Some(report) = self.meatpack.push(byte) {
                self.say(now_us, &report);
            }
        }
    }

    fn take_line(&mut self, now_us: u64, line: &[u8]) {
        match self.verdict(line) {
            Verdict::Duplicate if self.config.duplicates == Duplicates::Skip => self.skip(now_us, line),
            Verdict::Duplicate => self.ledger.totals.duplicates += 1,
            Verdict::Refuse(LineError::Number) if self.skips_left > 0 => {
                self.skips_left -= 1;
                self.skip(now_us, line);
            }
            Verdict::Refuse(error) => self.refuse(now_us, error, line_number(line).unwrap_or(0)),
            Verdict::Accept(number) => {
                self.skips_left = 0;
                if let Some(number) = number {
                    self.last_number = number;
                }
                self.enqueue(now_us, number, Command::read(line));
            }
        }
    }

    /// A display on a port of its own does something; what it asks is lost if there is no slot for it.
    pub(crate) fn hear_display(&mut self, now_us: u64, doing: Doing) {
        if self.power != Power::Running {
            return;
        }
        match doing {
            Doing::Ask(question) if self.has_free_slot() => {
                self.enqueue(now_us, None, Command::read(question))
            }
            Doing::Ask(_) => {}
            Doing::Say(text) => self.emit_garbage(now_us, text),
        }
        self.schedule_turn(now_us);
    }

    fn verdict(&mut self, line: &[u8]) -> Verdict {
        let verdict = judge_as(&self.config, line, self.last_number);
        if verdict == Verdict::Refuse(LineError::Format) {
            self.format_errors += 1;
            if self.format_errors >= FORMAT_ERRORS_BELIEVED {
                return Verdict::Accept(None);
            }
        } else {
            self.format_errors = 0;
        }
        match verdict {
            Verdict::Duplicate if self.config.duplicates == Duplicates::Resend => {
                Verdict::Refuse(LineError::Number)
            }
            verdict => verdict,
        }
    }

    /// Puts a command into the queue, unless it is one that acts at once and ends everything.
    fn enqueue(&mut self, now_us: u64, number: Option<i64>, command: Command) {
        if let Some(critical) = self.critical_at_read(number, &command) {
            self.act_on(now_us, critical);
        }
        if self.power != Power::Running {
            return;
        }
        let acknowledged = self.config.acknowledge == Acknowledge::WhenQueued;
        if acknowledged {
            let ok = self.numbered_ok();
            self.say_ok(now_us, &ok);
        }
        self.queue.push_back(Queued { number, command, acknowledged });
    }

    /// What a command does before its turn, in a firmware that looks at lines when it reads them.
    fn critical_at_read(&self, number: Option<i64>, command: &Command) -> Option<Critical> {
        if !self.config.critical_at_read || self.config.emergency_parser || command.letter != b'M' {
            return None;
        }
        match (self.config.line_check, command.code?) {
            (LineCheck::Repetier | LineCheck::Nothing, 112) => Some(Critical::Kill),
            (LineCheck::Repetier, 108) => Some(Critical::EndWait),
            (LineCheck::Repetier | LineCheck::Nothing, _) => None,
            _ if number.is_some() => None,
            (_, 112) => Some(Critical::Kill),
            (LineCheck::Prusa, _) => None,
            (_, 108) => Some(Critical::EndWait),
            (_, 410) => Some(Critical::QuickStop),
            _ => None,
        }
    }

    /// `ok 12`: an unnumbered line is answered with the number before it.
    fn numbered_ok(&self) -> String {
        if self.config.ack_with_line_number { format!("ok {}", self.last_number) } else { "ok".to_owned() }
    }

    /// Repetier has had the line, or waits for another one.
    fn skip(&mut self, now_us: u64, line: &[u8]) {
        self.ledger.totals.duplicates += 1;
        self.say(now_us, &format!("skip {}", line_number(line).unwrap_or(0)));
        self.say_ok(now_us, "ok");
    }

    /// Says what is wrong, throws away what has arrived behind it and asks for the line again, as the face has it.
    fn refuse(&mut self, now_us: u64, error: LineError, number: i64) {
        let totals = &mut self.ledger.totals;
        match error {
            LineError::Number => totals.number_errors += 1,
            LineError::Checksum => totals.checksum_errors += 1,
            LineError::NoChecksum | LineError::NoNumber => totals.missing_checksums += 1,
            LineError::Format => totals.format_errors += 1,
        }
        match self.config.resend {
            ResendRequest::Nothing => return,
            ResendRequest::Smoothie => {
                totals.resends += 1;
                self.say(now_us, &format!("rs N{}", self.last_number.saturating_add(1)));
                return;
            }
            ResendRequest::Marlin | ResendRequest::Repetier => totals.resends += 1,
        }
        let complaint = self.config.refusal_line(error, self.last_number, number);
        self.say(now_us, &complaint);
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
        // What the unpacker holds is behind the ring, and stays.
        self.receive_ring.clear();
        self.reader.clear();
        let next = self.last_number.saturating_add(1);
        if self.config.resend == ResendRequest::Repetier {
            self.skips_left = self.config.skips_after_resend;
            self.say(now_us, "");
            self.say(now_us, &format!("Resend:{next}"));
        } else {
            self.say(now_us, &format!("Resend: {next}"));
        }
        if !self.config.resend_without_ok {
            self.say_ok(now_us, "ok");
        }
    }

    pub(crate) fn act_on(&mut self, now_us: u64, critical: Critical) {
        match critical {
            Critical::Kill if self.config.ignores_stop => {}
            Critical::Kill => self.stop(now_us, Stop::M112),
            Critical::QuickStop => {
                self.planner.stop(now_us);
                self.machine.position = self.planner.actual_position(now_us);
            }
            Critical::EndWait => self.end_wait(now_us, true, None),
            Critical::Answer(button) => self.end_wait(now_us, false, Some(button)),
        }
        self.schedule_turn(now_us);
    }
}
