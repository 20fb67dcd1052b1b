//! The board without a clock or a tty: bytes and the time go in, bytes come out; the stick and the press hang on it.
//!
//! ```text
//!            power                     M28                  M29
//! Off ──────────────► Booting ──► Commands ──► Receiving ──────► Commands
//!  ▲ (power loss, from anywhere)      │ overrun, fault
//!  └──────────────────────────────────┴──► wedged: deaf and dumb until power is lost; a print goes on
//! ```
//!
//! Replies leave in their order, each its latency after the end of its command. What is captured and from where
//! is in facts A.2; texts that nobody has captured are marked as assumed.

use std::collections::VecDeque;

use super::ledger::{Actor, Crime, Ending, Ledger, Received};
use super::print::{Happening, Mounted, Press, Resumed, micros};
use super::profile::{
    Counter, Disk, NulNoise, OpenedReply, Profile, SelectedReply, StartCommand, StatusReply, Voice,
};
use super::stick::{Entry, Stick, path_of};
use super::upload::{PAYLOAD_BYTES, Piece, Upload, block};

/// Longest command; what is longer is thrown away.
const COMMAND_BYTES: usize = 512;
/// From power to the first reply, µs (assumption).
const BOOT_US: u64 = 2_000_000;
/// Between two `wait`, µs.
const WAIT_US: u64 = 1_000_000;
/// NULs in front of a reply on bad wiring.
const NULS: usize = 8;
/// Speed of a jog that says none, mm/min.
const JOG_MM_MIN: f64 = 600.0;

const NO_DISK: &str = "//Disk init fail!\r\n";
const NOT_PRINTING: &str = "Error:It's not printing now!\r\n";
const NO_FILE: &str = "Error: File is not existed or empty\r\n";
/// Assumed.
const IS_PRINTING: &str = "Error:It's printing now!\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Off,
    Booting { until_us: u64 },
    On,
}

/// Where the stick is put in.
#[derive(Debug, Clone)]
struct Slot {
    stick: Option<Stick>,
    pulled: Option<Stick>,
    failed: bool,
    /// Counts insertions.
    mount: u64,
}

impl Slot {
    fn mounted(&self) -> Mounted<'_> {
        self.stick.as_ref().filter(|_| !self.failed).map(|stick| (stick, self.mount))
    }

    fn writable(&mut self) -> Option<&mut Stick> {
        self.stick.as_mut().filter(|_| !self.failed)
    }

    fn pull(&mut self) {
        if let Some(stick) = self.stick.take() {
            self.pulled = Some(stick);
        }
    }

    fn insert(&mut self, stick: Stick) {
        (self.stick, self.pulled, self.failed) = (Some(stick), None, false);
        self.mount += 1;
    }
}

/// A file that is being sent to the host.
#[derive(Debug, Clone)]
struct Download {
    path: String,
    offset: u64,
}

/// What a command comes to: bytes to say, and how long after it.
struct Answer {
    bytes: Vec<u8>,
    latency_us: u64,
}

/// A simulated ChiTu board.
#[derive(Debug, Clone)]
pub struct Board {
    profile: Profile,
    slot: Slot,
    press: Press,
    ledger: Ledger,
    power: Power,
    wedged: bool,
    silent_until_us: u64,
    line: Vec<u8>,
    line_is_too_long: bool,
    /// A newline behind a carriage return ends nothing, and is no byte of a file.
    newline_is_due: bool,
    last_command_us: Option<u64>,
    /// Commands since power-on.
    count: u32,
    selected: Option<String>,
    upload: Option<Upload>,
    download: Option<Download>,
    /// The number of a `G28` that is not yet answered.
    homing: Option<u32>,
    wait_us: Option<u64>,
    reboot_us: Option<u64>,
    transmit: VecDeque<(u64, Vec<u8>)>,
    lose_replies: u32,
    false_oks: u32,
    split_us: u64,
    delay_us: u64,
}

impl Board {
    /// A board that has been on for a while, with this stick in it.
    pub fn new(profile: Profile, stick: Stick) -> Self {
        let mut slot = Slot { stick: Some(stick), pulled: None, failed: false, mount: 1 };
        match profile.disk {
            Disk::Ok => {}
            Disk::Fail => slot.failed = true,
            Disk::Removed => slot.pull(),
        }
        Self {
            press: Press::new(&profile),
            slot,
            ledger: Ledger::default(),
            power: Power::On,
            wedged: false,
            silent_until_us: 0,
            line: Vec::new(),
            line_is_too_long: false,
            newline_is_due: false,
            last_command_us: None,
            count: profile.n_first,
            selected: None,
            upload: None,
            download: None,
            homing: None,
            wait_us: None,
            reboot_us: None,
            transmit: VecDeque::new(),
            lose_replies: 0,
            false_oks: 0,
            split_us: 0,
            delay_us: 0,
            profile,
        }
    }

    // What can be seen of it.

    /// How it talks.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What it has really done.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether its UV lamp is on.
    pub fn is_lamp_on(&self) -> bool {
        self.press.is_lamp_on()
    }

    /// Where its plate really is, mm.
    pub fn z_mm(&self, now_us: u64) -> f64 {
        self.press.z_mm(now_us)
    }

    /// Whether it prints, pauses among it.
    pub fn is_printing(&self) -> bool {
        self.press.is_printing()
    }

    /// Whether it is deaf and dumb until its power is cut.
    pub fn is_wedged(&self) -> bool {
        self.wedged
    }

    /// Whether it has power.
    pub fn is_on(&self) -> bool {
        self.power != Power::Off
    }

    /// The stick that is in it.
    pub fn stick(&self) -> Option<&Stick> {
        self.slot.stick.as_ref()
    }

    /// The stick that is in it, for what happens to its files behind the board's back.
    pub fn stick_mut(&mut self) -> Option<&mut Stick> {
        self.slot.stick.as_mut()
    }

    // Hands and bad luck.

    /// The stick is pulled.
    pub fn remove_stick(&mut self) {
        self.slot.pull();
    }

    /// The stick that was pulled is put in again.
    pub fn insert_stick(&mut self) {
        if let Some(stick) = self.slot.pulled.take() {
            self.slot.insert(stick);
        }
    }

    /// Another stick is put in instead.
    pub fn swap_stick(&mut self, stick: Stick) {
        self.slot.insert(stick);
    }

    /// The stick can not be read any more, until it is swapped.
    pub fn fail_stick(&mut self) {
        self.slot.failed = true;
    }

    /// Somebody ends the print at the panel; false if nothing is printed.
    pub fn panel_cancel(&mut self, now_us: u64) -> bool {
        self.is_on() && self.press.stop(now_us, Ending::CancelledAtPanel, &mut self.ledger)
    }

    /// Somebody pauses the print at the panel; false if nothing is printed.
    pub fn panel_pause(&mut self, now_us: u64) -> bool {
        self.is_on() && self.press.pause(now_us)
    }

    /// Somebody lets it go on at the panel; false if nothing is printed.
    pub fn panel_resume(&mut self, now_us: u64) -> bool {
        let resumed = self.press.resume(now_us, self.slot.mounted(), &mut self.ledger);
        resumed != Resumed::NothingPrinted
    }

    /// Somebody starts a print at the panel; false if it is busy or the file cannot be printed.
    pub fn panel_start(&mut self, now_us: u64, file: &str) -> bool {
        if self.power != Power::On || self.press.is_busy() {
            return false;
        }
        let Ok(path) = path_of(file) else { return false };
        if !self.begin(now_us, &path, Actor::Panel) {
            return false;
        }
        self.selected = Some(path);
        true
    }

    /// Its supply fails.
    pub fn cut_power(&mut self, now_us: u64) {
        self.press.cut_power(now_us, &mut self.ledger);
        self.power = Power::Off;
        self.wedged = false;
        self.line.clear();
        self.line_is_too_long = false;
        self.newline_is_due = false;
        self.transmit.clear();
        (self.selected, self.upload, self.download) = (None, None, None);
        (self.homing, self.wait_us, self.reboot_us, self.last_command_us) = (None, None, None, None);
        self.count = 0;
    }

    /// The supply is back; nothing happens to a board that has power.
    pub fn restore_power(&mut self, now_us: u64) {
        if self.power == Power::Off {
            self.power = Power::Booting { until_us: now_us + BOOT_US };
        }
    }

    /// It is deaf and dumb until its power is cut.
    pub fn wedge(&mut self) {
        self.wedged = true;
        self.line.clear();
        self.transmit.clear();
    }

    /// It is deaf and dumb for so long.
    pub fn silence(&mut self, now_us: u64, for_us: u64) {
        self.silent_until_us = now_us.saturating_add(for_us);
    }

    /// It sends bytes of its own.
    pub fn emit(&mut self, now_us: u64, bytes: &[u8]) {
        self.say(now_us, 0, bytes.to_vec());
    }

    /// The replies to the next so many commands are lost.
    pub fn lose_next_replies(&mut self, count: u32) {
        self.lose_replies = count;
    }

    /// Each reply leaves in halves with so much time between them; 0 mends it.
    pub fn split_replies(&mut self, gap_us: u64) {
        self.split_us = gap_us;
    }

    /// Each reply leaves so much later; 0 mends it.
    pub fn delay_replies(&mut self, delay_us: u64) {
        self.delay_us = delay_us;
    }

    /// The next so many commands are answered by `ok` and not done.
    pub fn answer_false_oks(&mut self, count: u32) {
        self.false_oks = count;
    }

    // Bytes and time.

    /// Bytes have arrived.
    pub fn handle_bytes(&mut self, now_us: u64, bytes: &[u8]) {
        self.handle_timeout(now_us);
        for &byte in bytes {
            if self.power != Power::On || self.wedged || now_us < self.silent_until_us {
                return;
            }
            if std::mem::take(&mut self.newline_is_due) && byte == b'\n' {
                continue;
            }
            if let Some(upload) = &mut self.upload {
                for piece in upload.take(now_us, &[byte]) {
                    self.receive(now_us, piece);
                }
                continue;
            }
            match byte {
                b'\n' | b'\r' => {
                    self.newline_is_due = byte == b'\r';
                    self.end_line(now_us);
                }
                _ if self.line.len() < COMMAND_BYTES => self.line.push(byte),
                _ => self.line_is_too_long = true,
            }
        }
    }

    /// When something happens next by itself, µs.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.next_event().into_iter().chain(self.transmit.front().map(|(due_us, _)| *due_us)).min()
    }

    /// Does everything that is due, in its order.
    pub fn handle_timeout(&mut self, now_us: u64) {
        while let Some(due_us) = self.next_event().filter(|due_us| *due_us <= now_us) {
            self.handle_event(due_us);
            self.arm_wait(due_us);
        }
        self.arm_wait(now_us);
    }

    /// The next bytes that have left by now.
    pub fn poll_transmit(&mut self, now_us: u64) -> Option<Vec<u8>> {
        self.transmit.front().filter(|(due_us, _)| *due_us <= now_us)?;
        self.transmit.pop_front().map(|(_, bytes)| bytes)
    }

    fn next_event(&self) -> Option<u64> {
        let boot_us = match self.power {
            Power::Booting { until_us } => Some(until_us),
            Power::Off | Power::On => None,
        };
        let upload_us = self.upload.as_ref().and_then(Upload::poll_timeout);
        let events = [boot_us, upload_us, self.press.poll_timeout(), self.wait_us, self.reboot_us];
        events.into_iter().flatten().min()
    }

    fn handle_event(&mut self, now_us: u64) {
        if self.press.poll_timeout().is_some_and(|due_us| due_us <= now_us) {
            let happening = self.press.handle_timeout(now_us, self.slot.mounted(), &mut self.ledger);
            if let Some(happening) = happening {
                self.tell(now_us, happening);
            }
        }
        if let Power::Booting { until_us } = self.power
            && until_us <= now_us
        {
            self.power = Power::On;
            if self.slot.mounted().is_none() {
                self.say(now_us, 0, NO_DISK.into());
            }
        }
        if let Some(piece) = self.upload.as_mut().and_then(|upload| upload.handle_timeout(now_us)) {
            self.receive(now_us, piece);
        }
        if self.wait_us.is_some_and(|due_us| due_us <= now_us) {
            self.wait_us = None;
            if self.press.is_homing() {
                self.say(now_us, 0, b"wait\r\n".to_vec());
            }
        }
        if self.reboot_us.is_some_and(|due_us| due_us <= now_us) {
            self.cut_power(now_us);
            self.restore_power(now_us);
        }
    }

    fn arm_wait(&mut self, now_us: u64) {
        if !self.profile.emit_wait || !self.press.is_homing() {
            self.wait_us = None;
        } else if self.wait_us.is_none() {
            self.wait_us = Some(now_us + WAIT_US);
        }
    }

    fn tell(&mut self, now_us: u64, happening: Happening) {
        match happening {
            Happening::EndOfFile if self.profile.emit_end_read => {
                self.say(now_us, 0, b"End read\r\n".to_vec())
            }
            Happening::EndOfFile => {}
            Happening::StickLost => self.say(now_us, 0, NO_DISK.into()),
            Happening::Homed => {
                if let Some(number) = self.homing.take() {
                    self.answer(now_us, Answer { bytes: self.ok(number).into(), latency_us: 0 });
                }
            }
        }
    }

    // Commands.

    fn end_line(&mut self, now_us: u64) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.line_is_too_long) {
            return;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if !text.is_empty() {
            self.execute(now_us, text);
        }
    }

    fn execute(&mut self, now_us: u64, text: &str) {
        self.ledger.hear(now_us, text);
        let gap_us = self.profile.overrun_gap_ms * 1_000;
        let last_us = self.last_command_us.replace(now_us);
        if last_us.is_some_and(|last_us| now_us - last_us < gap_us) {
            self.ledger.forbid(now_us, text, Crime::Overrun);
            self.wedge();
            return;
        }
        if self.profile.voice == Voice::Mute {
            return;
        }
        let number = match self.profile.n_counter {
            Counter::Zero => 0,
            Counter::Running => self.count,
        };
        self.count = self.count.wrapping_add(1);
        let latency_us = self.profile.reply_latency_ms * 1_000;
        let answer = if self.false_oks > 0 {
            self.false_oks -= 1;
            Some(Answer { bytes: self.ok(number).into(), latency_us })
        } else {
            self.obey(now_us, text, number, latency_us)
        };
        if let Some(answer) = answer {
            self.answer(now_us, answer);
        }
    }

    /// Does what it is told; gives the answer, if there is one now.
    fn obey(&mut self, now_us: u64, text: &str, number: u32, latency_us: u64) -> Option<Answer> {
        let (code, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        // `M6030':name'` needs no space.
        let (code, rest) = match code.find('\'') {
            Some(at) => (&code[..at], &text[at..]),
            None => (code, rest.trim()),
        };
        let code = code.to_ascii_uppercase();
        let ok = self.ok(number);
        let start_us = self.profile.start_latency_ms * 1_000;
        let mut latency = latency_us;
        let reply = match code.as_str() {
            "M4000" | "M4001" | "M4002" | "M4006" if self.profile.voice == Voice::OkForM400x => ok,
            "M4000" => self.status(now_us, &ok),
            "M4001" => {
                let z_max = self.profile.machine.z_max_mm;
                format!("ok X:0.012500 Y:0.012500 Z:0.000625 E:0.001340 T:0/0/0/{z_max:.0}/1 U:'GBK' B:1\r\n")
            }
            // Ends with a mere newline (mariner test_mars.py).
            "M4002" => format!("ok {}\n", self.profile.firmware),
            "M4006" => self.selection(&ok),
            "M114" => {
                let z = self.press.shown_z_mm(now_us);
                format!("ok C: X:0.000000 Y:0.000000 Z:{:.6} E:0.000000\r\n", no_minus(z, 6))
            }
            "M115" => format!("{}\r\n{ok}", self.profile.identity),
            "M20" => self.list(&unquoted(rest), &ok),
            "M23" => self.select(&unquoted(rest), &ok),
            "M24" => {
                let resumed = self.press.resume(now_us, self.slot.mounted(), &mut self.ledger);
                match (resumed, self.selected.clone()) {
                    (Resumed::Printing, _) => ok,
                    (Resumed::StickLost, _) => format!("{NO_DISK}{ok}"),
                    (Resumed::NothingPrinted, Some(path)) if self.profile.start == StartCommand::M23M24 => {
                        latency = start_us;
                        self.start(now_us, &path, &ok)
                    }
                    (Resumed::NothingPrinted, _) => format!("{NOT_PRINTING}{ok}"),
                }
            }
            "M25" if self.press.pause(now_us) => ok,
            "M33" if self.press.stop(now_us, Ending::Stopped, &mut self.ledger) => ok,
            "M25" | "M33" => format!("{NOT_PRINTING}{ok}"),
            "M27" => self.read_position(number, &ok),
            "M28" => return self.open_for_writing(now_us, text, &unquoted(rest), &ok, latency),
            "M30" => self.delete(now_us, text, &unquoted(rest), &ok),
            "M4012" => format!("ok 0/{}\r\n", value(rest, 'T').unwrap_or(0.0)),
            "M6030" => {
                latency = start_us;
                self.start_named(now_us, &unquoted(rest), &ok)
            }
            "M6032" => self.open_for_reading(&unquoted(rest), &ok),
            "M3000" | "M3001" => {
                let bytes = self.next_block(&code, rest).unwrap_or_else(|| ok.into());
                return Some(Answer { bytes, latency_us: 0 });
            }
            "M22" => {
                self.download = None;
                ok
            }
            "M112" => {
                self.press.stop_motors(now_us, &mut self.ledger);
                self.homing = None;
                ok
            }
            "G0" | "G1" => {
                self.jog(now_us, text, rest);
                ok
            }
            "G28" => {
                if self.press.home(now_us) {
                    self.homing = Some(number);
                    return None;
                }
                self.ledger.forbid(now_us, text, Crime::MovesDuringPrint);
                ok
            }
            "M6040" => {
                let delay_ms = value(rest, 'I').unwrap_or(0.0);
                self.reboot_us = Some(now_us + micros(delay_ms / 1_000.0));
                ok
            }
            _ if code.starts_with("M85") => {
                self.ledger.forbid(now_us, text, Crime::ChangesConfiguration);
                ok
            }
            // Everything else is answered by `ok` (assumption), M29 without a file and M4004 among it.
            _ => ok,
        };
        Some(Answer { bytes: reply.into(), latency_us: latency })
    }

    fn ok(&self, number: u32) -> String {
        format!("ok N:{number}\r\n")
    }

    fn status(&self, now_us: u64, ok: &str) -> String {
        let progress = self.press.progress();
        let fans = if self.press.is_printing() { "256/256" } else { "0/0" };
        let z = no_minus(self.press.shown_z_mm(now_us), 3);
        let (current, total) = (progress.current, progress.total);
        let text = format!(
            "ok B:0/0 X:0.000 Y:0.000 Z:{z:.3} F:{fans} D:{current}/{total}/{} ",
            u8::from(progress.paused)
        );
        match self.profile.m4000 {
            StatusReply::Full => text + "\r\n",
            StatusReply::NoNewline => text,
            StatusReply::OkOnly => ok.to_owned(),
        }
    }

    fn selection(&self, ok: &str) -> String {
        let Some(path) = &self.selected else { return ok.to_owned() };
        match self.profile.m4006 {
            SelectedReply::Path => format!("ok '/{path}'\r\n"),
            SelectedReply::Basename => format!("ok '{}'\r\n", basename(path)),
            SelectedReply::OkOnly => ok.to_owned(),
        }
    }

    fn read_position(&self, number: u32, ok: &str) -> String {
        let progress = self.press.progress();
        let (current, total) = (progress.current, progress.total);
        match total {
            0 => format!("{NOT_PRINTING}{ok}"),
            _ if self.profile.m27_split => format!("SD N:{number}\r\nbyte {current}/{total}\r\n{ok}"),
            _ => format!("SD printing byte {current}/{total}\r\n{ok}"),
        }
    }

    fn list(&self, folder: &str, ok: &str) -> String {
        let Some((stick, _)) = self.slot.mounted() else { return format!("{NO_DISK}{ok}") };
        let entries = stick.list(folder).unwrap_or_default();
        let line = |entry: &Entry| match entry {
            Entry::Folder(name) => format!("->{name}\r\n"),
            Entry::File(name, size) => format!("{name} {size}\r\n"),
        };
        let lines: String = entries.iter().map(line).collect();
        format!("Begin file list\r\n{lines}End file list\r\n{ok}")
    }

    fn select(&mut self, name: &str, ok: &str) -> String {
        let no_disk = if self.slot.mounted().is_none() { NO_DISK } else { "" };
        let found = path_of(name).ok().and_then(|path| {
            let (stick, _) = self.slot.mounted()?;
            Some((stick.size(&path).ok()?, path))
        });
        let Some((size, path)) = found else {
            let name = name.trim_start_matches('/');
            return format!(
                "{no_disk}//############Error!cann't open file {name}!\r\nopen failed, File :{name}\r\n{ok}"
            );
        };
        let reply = match self.profile.m23 {
            OpenedReply::FileOpened => format!("File opened:{path} Size:{size}\r\nFile selected\r\n{ok}"),
            OpenedReply::SelectedTwice => {
                format!("File selected\r\n{path} Size:{size}\r\nFile selected\r\n{ok}")
            }
        };
        self.selected = Some(path);
        reply
    }

    /// `M6030`: the selected file if its name is this one, else this path.
    fn start_named(&mut self, now_us: u64, name: &str, ok: &str) -> String {
        if self.profile.start == StartCommand::M23M24 {
            return ok.to_owned();
        }
        let selected = self.selected.as_ref().filter(|path| basename(path) == name).cloned();
        match selected.or_else(|| path_of(name).ok()) {
            Some(path) => self.start(now_us, &path, ok),
            None => format!("{NO_FILE}{ok}"),
        }
    }

    fn start(&mut self, now_us: u64, path: &str, ok: &str) -> String {
        if self.press.is_busy() {
            format!("{IS_PRINTING}{ok}")
        } else if self.slot.mounted().is_none() {
            format!("{NO_DISK}{NO_FILE}{ok}")
        } else if self.begin(now_us, path, Actor::Host) {
            self.selected = Some(path.to_owned());
            ok.to_owned()
        } else {
            format!("{NO_FILE}{ok}")
        }
    }

    fn begin(&mut self, now_us: u64, path: &str, actor: Actor) -> bool {
        let Some(mounted) = self.slot.mounted() else { return false };
        // A board that cannot read a file says no more than that.
        self.press.start(now_us, path, actor, mounted, &mut self.ledger).is_ok()
    }

    fn jog(&mut self, now_us: u64, text: &str, rest: &str) {
        let Some(z) = value(rest, 'Z') else { return };
        let mm_s = value(rest, 'F').unwrap_or(JOG_MM_MIN).abs() / 60.0;
        let is_relative = value(rest, 'I') == Some(0.0);
        let to_mm = if is_relative { self.press.z_mm(now_us) + z } else { z };
        if !self.press.jog(now_us, to_mm, mm_s) {
            self.ledger.forbid(now_us, text, Crime::MovesDuringPrint);
        }
    }

    // Files over the wire.

    fn open_for_writing(
        &mut self,
        now_us: u64,
        text: &str,
        name: &str,
        ok: &str,
        latency_us: u64,
    ) -> Option<Answer> {
        use super::profile::Upload as Can;
        let say = |text: String| Some(Answer { bytes: text.into(), latency_us });
        if self.profile.uart_upload == Can::Unsupported {
            return None;
        }
        let Ok(path) = path_of(name) else { return say(format!("{NO_FILE}{ok}")) };
        if self.press.printed_file() == Some(&path) {
            self.ledger.forbid(now_us, text, Crime::TouchesPrintedFile);
            return say(format!("Error!File: {name} is opened\r\n{ok}"));
        }
        let Some(stick) = self.slot.writable() else { return say(format!("{NO_DISK}{ok}")) };
        let deleted =
            if stick.size(&path).is_ok() { format!("File deleted :{name}\r\n") } else { String::new() };
        if stick.put(&path, Vec::new()).is_err() {
            return say(format!("Error:write dat\r\n{ok}"));
        }
        let record = self.ledger.received.len();
        self.ledger.received.push(Received {
            file: path.clone(),
            bytes: 0,
            blocks: 0,
            resends: 0,
            closed: false,
        });
        if self.profile.uart_upload == Can::EmptyFile {
            return say(format!("{deleted}ok N:536925260\r\n"));
        }
        self.upload = Some(Upload::new(path, record, self.profile.corrupt_every_block));
        say(format!("{deleted}{ok}"))
    }

    fn receive(&mut self, now_us: u64, piece: Piece) {
        let Some(upload) = &mut self.upload else { return };
        let number = if self.profile.n_counter == Counter::Running { self.count } else { 0 };
        self.count = self.count.wrapping_add(1);
        let ok = format!("ok N:{number}\r\n");
        if let Piece::Command(text) = &piece {
            self.ledger.hear(now_us, text);
        }
        let Some(record) = self.ledger.received.get_mut(upload.record) else { return };
        let reply = match piece {
            Piece::Block(payload) => {
                let written =
                    self.slot.writable().is_some_and(|stick| stick.append(&upload.path, &payload).is_ok());
                if written {
                    upload.offset += payload.len() as u64;
                    record.bytes = upload.offset;
                    record.blocks += 1;
                    ok
                } else {
                    "Error:write dat\r\n".to_owned()
                }
            }
            Piece::Damaged => {
                record.resends += 1;
                let error = if self.profile.resend_with_error { ", error:1" } else { "" };
                format!("resend {}{error}\r\n", upload.offset)
            }
            Piece::Command(text) => {
                let (code, rest) = text.split_once(' ').unwrap_or((&text, ""));
                match code {
                    "M29" => {
                        record.closed = true;
                        self.upload = None;
                        format!("Done saving file!\r\n{ok}")
                    }
                    "M4012" => {
                        format!("ok {}/{}\r\n", upload.offset, value(rest, 'T').unwrap_or(0.0))
                    }
                    _ => self.status(now_us, &ok),
                }
            }
        };
        self.answer(now_us, Answer { bytes: reply.into(), latency_us: 0 });
    }

    fn delete(&mut self, now_us: u64, text: &str, name: &str, ok: &str) -> String {
        let Ok(path) = path_of(name) else { return format!("{NO_FILE}{ok}") };
        if self.press.printed_file() == Some(&path) {
            self.ledger.forbid(now_us, text, Crime::TouchesPrintedFile);
            return format!("Error!File: {name} is opened\r\n{ok}");
        }
        let Some(stick) = self.slot.writable() else { return format!("{NO_DISK}{ok}") };
        match stick.remove(&path) {
            Ok(()) => format!("File deleted :{name}\r\n{ok}"),
            Err(_) => format!("{NO_FILE}{ok}"),
        }
    }

    fn open_for_reading(&mut self, name: &str, ok: &str) -> String {
        let found = path_of(name).ok().and_then(|path| {
            let (stick, _) = self.slot.mounted()?;
            Some((stick.size(&path).ok()?, path))
        });
        match found {
            Some((size, path)) if size > 0 => {
                self.download = Some(Download { path, offset: 0 });
                format!("ok L:{size}\r\n")
            }
            _ => format!("{NO_FILE}{ok}"),
        }
    }

    /// The block that is asked for; nothing without an open file. Behind the end it has no payload.
    fn next_block(&mut self, code: &str, rest: &str) -> Option<Vec<u8>> {
        let download = self.download.as_mut()?;
        if code == "M3001" {
            download.offset = micros(value(rest, 'I')? / 1e6);
        }
        let (stick, _) = self.slot.mounted()?;
        let payload = stick.read(&download.path, download.offset, PAYLOAD_BYTES).ok()?;
        let bytes = block(&payload, u32::try_from(download.offset).unwrap_or(u32::MAX));
        download.offset += payload.len() as u64;
        Some(bytes)
    }

    // Saying.

    fn answer(&mut self, now_us: u64, answer: Answer) {
        if self.lose_replies > 0 {
            self.lose_replies -= 1;
            return;
        }
        self.say(now_us, answer.latency_us, answer.bytes);
    }

    fn say(&mut self, now_us: u64, latency_us: u64, mut bytes: Vec<u8>) {
        if self.power != Power::On || self.wedged || now_us < self.silent_until_us {
            return;
        }
        if self.profile.non_utf8 {
            let text = bytes.len() - bytes.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
            bytes.insert(text, 0xB4);
        }
        match self.profile.nul_noise {
            NulNoise::Quiet => {}
            NulNoise::Runs => drop(bytes.splice(0..0, [0; NULS])),
            NulNoise::Only => bytes.fill(0),
        }
        let last_us = self.transmit.back().map_or(0, |(due_us, _)| *due_us);
        let due_us = last_us.max(now_us + latency_us + self.delay_us);
        if self.split_us > 0 && bytes.len() > 1 {
            let rest = bytes.split_off(bytes.len() / 2);
            self.transmit.push_back((due_us, bytes));
            self.transmit.push_back((due_us + self.split_us, rest));
        } else {
            self.transmit.push_back((due_us, bytes));
        }
    }
}

/// What stands between quotes, or all of it.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text).to_owned()
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The number behind a letter.
fn value(arguments: &str, letter: char) -> Option<f64> {
    let number = |word: &str| word.strip_prefix(letter)?.parse::<f64>().ok();
    arguments.split_whitespace().find_map(number).filter(|number| number.is_finite())
}

/// Without a minus in front of nothing but zeros.
fn no_minus(value: f64, digits: i32) -> f64 {
    if value < 0.0 && value > -0.5 * 10f64.powi(-digits) { 0.0 } else { value }
}
