//! Asks whoever is on a line who it is, at one speed, with nothing that moves, heats or counts.
//!
//! ```text
//! begin ─▶ M115, asked again ─ it says who it is ─▶ M105 ─ temperatures ─▶ Board
//!             │ time is up                            └─ none in time ───▶ Board
//!             └─▶ Silence, Garbage, OtherWords, Halted
//! ```
//! A session greets with numbers and switches off what is hot; a board of which nobody knows whose it is, and whether
//! it is at work, gets neither.

use std::time::Duration;

use crate::domain::moment::Moment;
use crate::protocol::dialect::{Dialect, Firmware};
use crate::protocol::lines::Lines;
use crate::protocol::reply::{Acknowledged, Reply};
use crate::protocol::report::{FirmwareInfo, TemperatureReport};

/// The newline ends what somebody before us may have left half sent.
const WHO: &[u8] = b"\nM115\n";
const HOW_WARM: &[u8] = b"M105\n";

/// How long a board is asked at the first speed: many start anew when their port is opened, some take seconds.
pub const FIRST: Duration = Duration::from_secs(8);
/// At each further speed it has started already.
pub const FURTHER: Duration = Duration::from_millis(2_500);

const ASK_AGAIN: Duration = Duration::from_millis(1_200);
/// From the board's own word that it has started to the question, and to its end.
const STARTED: Duration = Duration::from_millis(700);
const AFTER_START: Duration = Duration::from_secs(8);
/// However often it starts.
const LONGEST: Duration = Duration::from_secs(20);
/// The `Cap:` lines follow at once; what comes later than this is not waited for.
const CAPABILITIES: Duration = Duration::from_secs(1);
const WARMTH: Duration = Duration::from_secs(2);
/// Garbage is believed after this time, where it is enough: a board that starts may begin with some.
const GARBAGE_AFTER: Duration = Duration::from_millis(2_000);
const GARBAGE_MIN: u64 = 8;
/// Marlin has some 40.
const CAPABILITIES_MAX: usize = 64;

/// Who answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Board {
    /// Bounded and printable; absent where it answers and does not say what it is.
    pub firmware: Option<FirmwareInfo>,
    /// `Cap:` lines, at most 64.
    pub capabilities: Vec<(String, bool)>,
    /// What platen takes it for.
    pub dialect: Firmware,
    /// Its `ok`s tell free slots.
    pub advanced_ok: bool,
    /// Whether it watches its heaters, where it says so.
    pub thermal_protection: Option<bool>,
    pub temperatures: Option<TemperatureReport>,
}

impl Board {
    /// Whether a heater is to be hot: somebody may be at work there.
    pub fn heats(&self) -> bool {
        let Some(TemperatureReport { hotend, bed, chamber, tools }) = self.temperatures else { return false };
        let all = [hotend, bed, chamber].into_iter().chain(tools).flatten();
        all.into_iter().any(|reading| reading.target.is_some_and(|target| target.0 > 0.0))
    }
}

/// What came of it at this speed.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Board(Box<Board>),
    Silence,
    /// Bytes that no firmware writes: the wrong speed, mostly.
    Garbage,
    /// Text, and none of a printer.
    OtherWords,
    /// The firmware has given up, and answers nothing more.
    Halted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Asking,
    /// It has said who it is; what it can do follows up to its `ok`.
    Listening,
    Warmth,
    Over,
}

#[derive(Debug)]
pub struct Hello {
    begun: Moment,
    step: Step,
    /// When `step` is over, and when the question is put again.
    until: Moment,
    again: Moment,
    lines: Lines,
    out: Vec<u8>,
    heard: u64,
    rubbish: u64,
    oks: u32,
    halted: bool,
    firmware: Option<FirmwareInfo>,
    dialect: Dialect,
    capabilities: Vec<(String, bool)>,
    temperatures: Option<TemperatureReport>,
}

impl Hello {
    /// On an open port.
    pub fn begin(now: Moment, patience: Duration) -> Self {
        Self {
            begun: now,
            step: Step::Asking,
            until: now + patience,
            again: now + ASK_AGAIN,
            lines: Lines::new(),
            out: WHO.to_vec(),
            heard: 0,
            rubbish: 0,
            oks: 0,
            halted: false,
            firmware: None,
            dialect: Dialect::default(),
            capabilities: Vec::new(),
            temperatures: None,
        }
    }

    pub fn transmit(&self) -> &[u8] {
        &self.out
    }

    pub fn transmitted(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
    }

    /// When to ask it next.
    pub fn poll_timeout(&self) -> Moment {
        if self.step == Step::Asking { self.until.min(self.again) } else { self.until }
    }

    /// What came of it, once that is known.
    pub fn outcome(&self) -> Option<Heard> {
        if self.step != Step::Over {
            return None;
        }
        Some(if self.halted {
            Heard::Halted
        } else if self.firmware.is_some() || (self.oks > 0 && !self.is_garbage()) {
            Heard::Board(Box::new(self.board()))
        } else if self.is_garbage() {
            Heard::Garbage
        } else if self.heard > 0 {
            Heard::OtherWords
        } else {
            Heard::Silence
        })
    }

    fn board(&self) -> Board {
        Board {
            firmware: self.firmware.clone(),
            capabilities: self.capabilities.clone(),
            dialect: self.dialect.firmware,
            advanced_ok: self.dialect.advanced_ok,
            thermal_protection: self.dialect.thermal_protection,
            temperatures: self.temperatures,
        }
    }

    fn is_garbage(&self) -> bool {
        self.rubbish > GARBAGE_MIN && self.rubbish * 4 > self.heard
    }

    pub fn handle_bytes(&mut self, now: Moment, bytes: &[u8]) {
        let text = |byte: &&u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        self.heard += bytes.len() as u64;
        self.rubbish += bytes.iter().filter(|byte| !text(byte)).count() as u64;
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(bytes, |line| self.handle_line(now, line));
        self.lines = lines;
    }

    fn handle_line(&mut self, now: Moment, line: &[u8]) {
        match Reply::parse(line) {
            Reply::Firmware(info) => self.handle_firmware(now, info),
            Reply::OkFirmware(info) => {
                self.handle_firmware(now, info);
                self.ask_warmth(now);
            }
            Reply::Capability { name, able } => self.handle_capability(name, able),
            Reply::Ok(ok) => self.handle_ok(now, &ok),
            Reply::Temperatures(report) => self.handle_temperatures(report),
            Reply::Start => self.handle_start(now),
            Reply::Fault(_) => {
                self.halted = true;
                self.step = Step::Over;
            }
            _ => {}
        }
    }

    fn handle_firmware(&mut self, now: Moment, info: FirmwareInfo) {
        if self.firmware.is_some() || info.name.is_empty() {
            return;
        }
        self.dialect.identify(&info.name);
        self.firmware = Some(info);
        if self.step == Step::Asking {
            self.step = Step::Listening;
            self.until = now + CAPABILITIES;
        }
    }

    fn handle_capability(&mut self, name: String, able: bool) {
        self.dialect.learn(&name, able);
        let known = self.capabilities.iter().any(|(other, _)| *other == name);
        if !known && !name.is_empty() && self.capabilities.len() < CAPABILITIES_MAX {
            self.capabilities.push((name, able));
        }
    }

    fn handle_ok(&mut self, now: Moment, ok: &Acknowledged) {
        self.oks = self.oks.saturating_add(1);
        self.dialect.advanced_ok |= ok.slots_free.is_some() && !ok.damaged;
        if let Some(report) = ok.temperatures {
            self.handle_temperatures(report);
        } else if self.step == Step::Listening {
            self.ask_warmth(now);
        }
    }

    /// A report that was asked for; one that comes by itself is as good.
    fn handle_temperatures(&mut self, report: TemperatureReport) {
        self.temperatures = Some(report);
        if self.step == Step::Warmth {
            self.step = Step::Over;
        }
    }

    fn ask_warmth(&mut self, now: Moment) {
        self.step = Step::Warmth;
        self.until = now + WARMTH;
        self.out.extend_from_slice(HOW_WARM);
    }

    fn handle_start(&mut self, now: Moment) {
        if self.step == Step::Asking {
            self.again = now + STARTED;
            self.until = self.until.max(now + AFTER_START).min(self.begun + LONGEST);
        }
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        match self.step {
            Step::Asking if now >= self.until => self.step = Step::Over,
            Step::Asking if now >= self.begun + GARBAGE_AFTER && self.is_garbage() => self.step = Step::Over,
            Step::Asking if now >= self.again => {
                self.again = now + ASK_AGAIN;
                if self.out.is_empty() {
                    self.out.extend_from_slice(WHO);
                }
            }
            Step::Listening if now >= self.until => self.ask_warmth(now),
            Step::Warmth if now >= self.until => self.step = Step::Over,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Moment = Moment::ZERO;

    /// Lets the time pass until there is an outcome; all that was sent.
    fn to_the_end(hello: &mut Hello) -> (Heard, String) {
        let mut sent = Vec::new();
        for _ in 0..100 {
            sent.extend_from_slice(hello.transmit());
            hello.transmitted(usize::MAX);
            if let Some(heard) = hello.outcome() {
                return (heard, String::from_utf8(sent).unwrap());
            }
            let due = hello.poll_timeout();
            hello.handle_timeout(due);
        }
        panic!("no end: {hello:?}");
    }

    fn board(heard: Heard) -> Board {
        match heard {
            Heard::Board(board) => *board,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_board_says_who_it_is_what_it_can_and_how_warm_it_is() {
        let mut hello = Hello::begin(T0, FIRST);
        hello.transmitted(usize::MAX);
        hello.handle_bytes(
            T0,
            b"FIRMWARE_NAME:Marlin 2.1.2 (x) SOURCE_CODE_URL:y MACHINE_TYPE:Ender-3 UUID:abc\n\
              Cap:EMERGENCY_PARSER:1\nCap:THERMAL_PROTECTION:0\nok P15 B3\n",
        );
        assert_eq!(hello.transmit(), HOW_WARM);
        hello.handle_bytes(T0, b"ok T:21.0 /0.0 B:20.0 /60.0 @:0\n");
        let board = board(hello.outcome().unwrap());
        assert_eq!(board.firmware.as_ref().unwrap().machine.as_deref(), Some("Ender-3"));
        assert_eq!(board.dialect, Firmware::Marlin21);
        assert!(board.advanced_ok && board.heats());
        assert_eq!(board.thermal_protection, Some(false));
        assert_eq!(board.capabilities.len(), 2);
    }

    #[test]
    fn nothing_that_is_sent_moves_heats_or_counts() {
        let (heard, sent) = to_the_end(&mut Hello::begin(T0, FIRST));
        assert_eq!(heard, Heard::Silence);
        let words: Vec<_> = sent.lines().filter(|line| !line.is_empty()).collect();
        assert!(words.len() > 2 && words.iter().all(|word| ["M115", "M105"].contains(word)), "{words:?}");
    }

    #[test]
    fn garbage_is_told_from_silence_and_from_other_words_and_before_the_time_is_up() {
        let mut hello = Hello::begin(T0, FIRST);
        hello.handle_bytes(T0, &[0xF8; 40]);
        let (heard, sent) = to_the_end(&mut hello);
        assert_eq!((heard, sent.matches("M115").count() < 4), (Heard::Garbage, true), "{sent}");
        let mut hello = Hello::begin(T0, FURTHER);
        hello.handle_bytes(T0, b"$GPGGA,123519,4807.038,N\n");
        assert_eq!(to_the_end(&mut hello).0, Heard::OtherWords);
    }

    #[test]
    fn a_board_that_starts_when_its_port_is_opened_is_waited_for_but_not_for_ever() {
        let mut hello = Hello::begin(T0, FURTHER);
        hello.handle_bytes(T0 + Duration::from_secs(2), b"start\n");
        assert!(hello.poll_timeout() <= T0 + Duration::from_secs(2) + STARTED);
        for second in 0..60 {
            hello.handle_bytes(T0 + Duration::from_secs(second), b"start\n");
        }
        hello.handle_timeout(T0 + LONGEST);
        assert!(hello.outcome().is_some());
    }

    #[test]
    fn a_board_that_halted_says_so() {
        let mut hello = Hello::begin(T0, FIRST);
        hello.handle_bytes(T0, b"Error:Printer halted. kill() called!\n");
        assert_eq!(hello.outcome(), Some(Heard::Halted));
    }

    #[test]
    fn what_a_hostile_board_says_is_short_and_plain() {
        let mut hello = Hello::begin(T0, FIRST);
        let long = "<b>\u{1b}[2J\u{e4} and much more".repeat(40);
        hello.handle_bytes(T0, format!("FIRMWARE_NAME:{long} MACHINE_TYPE:{long} UUID:{long}\n").as_bytes());
        for number in 0..1_000 {
            hello.handle_bytes(T0, format!("Cap:X{number}{}:1\n", "\u{1b}y".repeat(100)).as_bytes());
        }
        hello.handle_bytes(T0, b"ok\n");
        let board = board(to_the_end(&mut hello).0);
        let mut texts: Vec<String> = board.capabilities.into_iter().map(|(name, _)| name).collect();
        assert!(texts.len() <= CAPABILITIES_MAX);
        let info = board.firmware.unwrap();
        texts.extend([Some(info.name), info.machine, info.uuid].into_iter().flatten());
        let plain = |text: &String| text.len() <= 60 && text.bytes().all(|b| (b' '..=b'~').contains(&b));
        assert!(texts.iter().all(plain), "{texts:?}");
    }

    #[test]
    fn a_board_that_answers_and_does_not_say_who_it_is_has_no_name() {
        let mut hello = Hello::begin(T0, FURTHER);
        hello.handle_bytes(T0, b"ok\n");
        assert_eq!(board(to_the_end(&mut hello).0).firmware, None);
    }
}
