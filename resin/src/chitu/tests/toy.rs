//! A board in a hundred lines, and the rig that ties it to a session in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::chitu::command::{ALLOWED, FileName};
use crate::chitu::layers::Layers;
use crate::chitu::session::Session;
use crate::chitu::state::{Config, Ending, Event, Health, Job, State};
use crate::layer::Layer;

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub const NAME: &str = "P7K3QX2A.CTB";
pub const LAYER: Duration = s(6);
const ENDS: [u64; 5] = [1000, 2000, 3100, 4000, 5000];
pub const SIZE: u64 = 5200;

pub fn name() -> FileName {
    FileName::parse(NAME).unwrap()
}

pub fn job() -> Job {
    let layers: Vec<Layer> =
        ENDS.iter().map(|end| Layer { ends_at: Some(*end), ..Layer::default() }).collect();
    Job { name: name(), size: SIZE, layers: Layers::of(&layers, SIZE) }
}

pub fn opaque() -> Job {
    Job { layers: Layers::opaque(), ..job() }
}

#[derive(Clone, Debug)]
pub struct Print {
    pub total: u64,
    pub layer: usize,
    pub next_at: Duration,
    pub paused: bool,
    pub pause_at: Option<Duration>,
}

/// The quirks are those that boards have been seen with.
#[derive(Clone, Debug)]
pub struct Toy {
    pub firmware: &'static str,
    pub status: &'static str,    // full | ok_only | no_newline
    pub progress: &'static str,  // whole | split | none
    pub name_told: &'static str, // path | basename | ok_only
    pub starts: &'static str,    // m6030 | m24 | never
    pub idle_done: &'static str,
    pub upload: &'static str, // works | empty | deaf | noisy
    pub end_read: bool,
    pub medium: bool,
    pub deaf: bool,
    /// What it alone does not hear.
    pub unheard: Option<&'static str>,
    pub ignores_stop: bool,
    pub rises: bool,
    pub latency: Duration,
    pub files: BTreeMap<String, u64>,
    pub selected: Option<String>,
    pub print: Option<Print>,
    pub z: f64,
    pub rising: bool,
    pub log: Vec<String>,
    pub data: Vec<u8>,
    pub open: Option<String>,
    pub count: u64,
    pub input: Vec<u8>,
    pub out: VecDeque<(Duration, Vec<u8>, bool)>,
}

impl Default for Toy {
    fn default() -> Self {
        Self {
            firmware: "V4.3.4_LCDC",
            status: "no_newline",
            progress: "whole",
            name_told: "path",
            starts: "m6030",
            idle_done: "31540/0/1",
            upload: "works",
            end_read: true,
            medium: true,
            deaf: false,
            unheard: None,
            ignores_stop: false,
            rises: true,
            latency: ms(30),
            files: [(NAME.to_owned(), SIZE), ("old file.ctb".to_owned(), 7)].into(),
            selected: None,
            print: None,
            z: 100.0,
            rising: false,
            log: Vec::new(),
            data: Vec::new(),
            open: None,
            count: 459,
            input: Vec::new(),
            out: VecDeque::new(),
        }
    }
}

impl Toy {
    pub fn mars_pro() -> Self {
        Self {
            firmware: "V4.4.3_LCDC",
            status: "full",
            progress: "split",
            starts: "m24",
            idle_done: "0/0/1",
            ..Self::default()
        }
    }

    /// Unasked.
    pub fn say(&mut self, at: Duration, text: &[u8]) {
        self.out.push_back((at, text.to_vec(), false));
    }

    fn reply(&mut self, at: Duration, text: &[u8]) {
        self.out.push_back((at, text.to_vec(), true));
    }

    pub fn begin(&mut self, now: Duration, total: u64) {
        let next_at = now + LAYER;
        self.print = Some(Print { total, layer: 0, next_at, paused: false, pause_at: None });
        self.z = -33.421;
        self.rising = false;
    }

    pub fn end(&mut self, now: Duration) {
        self.print = None;
        self.rising = self.rises;
        if self.end_read {
            self.say(now, b"End read\r\n");
        }
    }

    fn next_at(&self) -> Option<Duration> {
        let print = self.print.as_ref().map(|print| print.pause_at.unwrap_or(print.next_at));
        self.out.iter().map(|(at, ..)| *at).chain(print).min()
    }

    fn tick(&mut self, now: Duration) {
        let Some(print) = &mut self.print else { return };
        if print.pause_at.is_some_and(|at| at <= now) {
            (print.paused, print.pause_at) = (true, None);
        }
        if print.paused {
            print.next_at = now + LAYER;
        }
        if print.next_at <= now {
            print.layer += 1;
            print.next_at += LAYER;
            self.z = 5.0;
            if print.layer > ENDS.len() {
                self.end(now);
            }
        }
    }

    fn bytes_read(&self) -> Option<(u64, u64, bool)> {
        let print = self.print.as_ref()?;
        let bytes = if print.layer == 0 { 0 } else { ENDS[print.layer - 1] };
        Some((bytes.min(print.total), print.total, print.paused))
    }

    fn take(&mut self, now: Duration, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let heard = [&b"M29"[..], b"M4012", b"M4000"].iter().any(|code| bytes.starts_with(code));
        if self.open.is_some() && !heard && bytes.starts_with(b"M") && bytes.ends_with(b"\r\n") {
            // Data of a block that never ends.
            self.log.push(format!("data {}", String::from_utf8_lossy(&self.input).trim_end()));
            self.input.clear();
            if self.upload == "noisy" {
                let wanted = format!("resend {}\r\n", self.data.len());
                self.reply(now + ms(500), wanted.as_bytes());
            }
            return;
        }
        if self.open.is_some() && !heard {
            let block = std::mem::take(&mut self.input);
            self.log.push(format!("block {}", block.len()));
            return self.block(now, &block);
        }
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap().trim_end().to_owned();
            let code = line.split(' ').next().unwrap().to_owned();
            assert!(ALLOWED.contains(&code.as_str()), "{line} was never to be said");
            self.log.push(line.clone());
            if self.deaf || self.unheard == Some(code.as_str()) {
                continue;
            }
            let answer = self.answer(now, &code, &line);
            self.reply(now + self.latency, answer.as_bytes());
        }
    }

    fn block(&mut self, now: Duration, block: &[u8]) {
        let at = now + self.latency;
        let (payload, trailer) = block.split_at(block.len() - 6);
        let offset = u32::from_le_bytes(trailer[..4].try_into().unwrap()) as usize;
        let xor = block[..block.len() - 2].iter().fold(0, |xor, byte| xor ^ byte);
        assert_eq!((trailer[4], trailer[5]), (xor, 0x83));
        self.count += 1;
        if self.upload == "deaf" {
            return;
        }
        if self.upload == "noisy" && self.count.is_multiple_of(3) {
            return self.reply(at, format!("resend {offset}, error:2\r\n").as_bytes());
        }
        if self.upload != "empty" {
            self.data.truncate(offset);
            assert_eq!(self.data.len(), offset, "a hole in the file");
            self.data.extend_from_slice(payload);
        }
        self.reply(at, b"ok N:0\r\n");
    }

    fn answer(&mut self, now: Duration, code: &str, line: &str) -> String {
        self.count += 1;
        let n = if self.firmware == "V4.4.3_LCDC" { self.count } else { 0 };
        let ok = format!("ok N:{n}\r\n");
        let not_printing = format!("Error:It's not printing now!\r\n{ok}");
        match code {
            "M4002" => format!("ok {}\n", self.firmware),
            "M4001" => "ok X:0.012500 Y:0.012500 Z:0.000625 E:0.001340 T:0/0/0/155/1 U:'GBK' B:1\r\n".into(),
            "M4000" if self.status == "ok_only" => ok,
            "M4000" => {
                if self.rising {
                    self.z = (self.z + 20.0).min(155.0);
                }
                let done = match self.bytes_read() {
                    Some((bytes, of, paused)) => format!("{bytes}/{of}/{}", u8::from(paused)),
                    None => self.idle_done.into(),
                };
                let end = if self.status == "full" { "\r\n" } else { "" };
                format!("ok B:0/0 X:0.000 Y:0.000 Z:{:.3} F:0/0 D:{done} {end}", self.z)
            }
            "M114" => {
                if self.rising {
                    self.z = (self.z + 20.0).min(155.0);
                }
                format!("ok C: X:0.000000 Y:0.000000 Z:{:.6} E:0.000000\r\n", self.z)
            }
            "M27" if self.progress == "none" => ok,
            "M27" => match self.bytes_read() {
                None => not_printing,
                Some((bytes, of, _)) if self.progress == "split" => {
                    format!("SD N:{n}\r\nbyte {bytes}/{of}\r\n{ok}")
                }
                Some((bytes, of, _)) => format!("SD printing byte {bytes}/{of}\r\n{ok}"),
            },
            "M4006" => match (self.name_told, &self.selected) {
                ("path", Some(name)) => format!("ok '/{name}'\r\n"),
                ("basename", Some(name)) => format!("ok '{name}'\r\n"),
                _ => ok,
            },
            "M20" if !self.medium => format!("//Disk init fail!\r\n{ok}"),
            "M20" => {
                let files: String =
                    self.files.iter().map(|(name, size)| format!("{name} {size}\r\n")).collect();
                format!("Begin file list\r\n->sub\r\n{files}End file list\r\n{ok}")
            }
            "M23" if !self.medium => format!("//Disk init fail!\r\n{ok}"),
            "M23" => {
                let name = line.strip_prefix("M23 /").unwrap().to_owned();
                match self.files.get(&name) {
                    None => format!(
                        "//############Error!cann't open file {name}!\r\nopen failed, File :{name}\r\n{ok}"
                    ),
                    Some(size) => {
                        let size = *size;
                        self.selected = Some(name.clone());
                        if n == 0 {
                            format!("File opened:{name} Size:{size}\r\nFile selected\r\n{ok}")
                        } else {
                            format!("File selected\r\n{name} Size:{size}\r\nFile selected\r\n{ok}")
                        }
                    }
                }
            }
            "M6030" if self.starts == "m24" => format!("Error: File is not existed or empty\r\n{ok}"),
            "M6030" | "M24" => {
                let ours = (code == "M6030") == (self.starts == "m6030") && self.starts != "never";
                match &mut self.print {
                    Some(print) => print.paused = false,
                    None if ours => {
                        let size = self.files[self.selected.as_ref().unwrap()];
                        self.begin(now, size);
                    }
                    None => {}
                }
                ok
            }
            "M25" => {
                if let Some(print) = &mut self.print {
                    print.pause_at = Some(now + s(4));
                }
                ok
            }
            "M33" if self.print.is_none() => not_printing,
            "M33" => {
                if !self.ignores_stop {
                    self.end_read = false;
                    self.end(now);
                }
                ok
            }
            "M28" => {
                self.open = Some(line.strip_prefix("M28 ").unwrap().to_owned());
                self.data.clear();
                "ok N:536925260\r\n".into()
            }
            "M4012" => {
                format!("ok {}/9\r\n", if self.upload == "empty" { SIZE } else { self.data.len() as u64 })
            }
            "M29" => {
                if let Some(name) = self.open.take() {
                    self.files.insert(name, self.data.len() as u64);
                }
                format!("Done saving file!\r\n{ok}")
            }
            _ => ok,
        }
    }
}

/// A session and a board, and a clock that jumps to what happens next.
pub struct Rig {
    pub session: Session,
    pub toy: Toy,
    pub now: Duration,
    pub events: Vec<Event>,
    /// The file that is uploaded.
    pub file: Vec<u8>,
    /// Bytes come in reads of this many.
    pub piece: usize,
    sent_at: Duration,
    heard_at: Duration,
    lost: bool,
}

impl Rig {
    pub fn closed(toy: Toy) -> Self {
        let session = Session::new(Config::default()).unwrap();
        let (now, sent_at, heard_at) = (s(1), Duration::ZERO, Duration::ZERO);
        Self {
            session,
            toy,
            now,
            events: Vec::new(),
            file: Vec::new(),
            piece: usize::MAX,
            sent_at,
            heard_at,
            lost: false,
        }
    }

    pub fn open(toy: Toy) -> Self {
        let mut rig = Self::closed(toy);
        rig.session.handle_opened(rig.now);
        rig
    }

    /// Greeted, and idle.
    pub fn idle(toy: Toy) -> Self {
        let mut rig = Self::open(toy);
        rig.until(|rig| rig.session.state() == State::Idle);
        rig.events.clear();
        rig
    }

    pub fn printing(toy: Toy, job: Job) -> Self {
        let mut rig = Self::idle(toy);
        rig.session.start(job).unwrap();
        rig.until(|rig| rig.session.state() == State::Printing);
        rig
    }

    fn act(&mut self) {
        while let Some(need) = self.session.poll_need() {
            let at = need.offset as usize;
            self.session.give(need.offset, &self.file[at..at + need.length]).unwrap();
        }
        while let Some(bytes) = self.session.poll_transmit(self.now) {
            let answered = self.heard_at >= self.sent_at;
            assert!(answered || self.now >= self.sent_at + s(5), "two commands at once, at {:?}", self.now);
            assert!(self.now >= self.sent_at.max(self.heard_at) + ms(100), "too close, at {:?}", self.now);
            assert!(self.session.in_flight().is_some());
            self.sent_at = self.now;
            if !self.lost {
                self.toy.take(self.now, &bytes);
            }
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    pub fn step(&mut self) {
        self.act();
        let next = [self.session.poll_timeout(), self.toy.next_at()].into_iter().flatten().min();
        self.now = next.unwrap_or(self.now + s(1)).max(self.now + ms(1));
        self.toy.tick(self.now);
        let mut due: Vec<(Duration, Vec<u8>, bool)> = Vec::new();
        self.toy.out.retain(|item| {
            let now = item.0 <= self.now;
            if now {
                due.push(item.clone());
            }
            !now
        });
        for (_, bytes, answer) in due {
            if answer {
                self.heard_at = self.now;
            }
            if !self.lost {
                for piece in bytes.chunks(self.piece) {
                    self.session.handle_bytes(self.now, piece);
                }
            }
        }
        self.session.handle_timeout(self.now);
        self.act();
    }

    pub fn until(&mut self, there: impl Fn(&Self) -> bool) {
        let end = self.now + s(600);
        while !there(self) {
            self.step();
            assert!(self.now < end, "never came, in {:?}: {:?}", self.session.state(), self.events);
        }
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.step();
        }
    }

    /// The cable is pulled, or put in again.
    pub fn cable(&mut self, pulled: bool) {
        self.lost = pulled;
    }

    pub fn ended(&mut self) -> Ending {
        self.until(|rig| matches!(rig.session.state(), State::Ended(_)));
        let endings: Vec<&Event> =
            self.events.iter().filter(|event| matches!(event, Event::Ended(_))).collect();
        assert_eq!(endings.len(), 1, "{endings:?}");
        let State::Ended(ending) = self.session.state() else { unreachable!() };
        assert_eq!(endings[0], &Event::Ended(ending));
        ending
    }

    pub fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    pub fn said(&self, line: &str) -> usize {
        self.toy.log.iter().filter(|said| *said == line).count()
    }

    pub fn well(&self) -> bool {
        self.session.health() == Health::Well
    }
}
