//! One session, one simulated printer, and the time between them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::canonical::{distance, spelled};
use hw_sim::faults::Fault;
use hw_sim::ledger::Manner;
use hw_sim::quirks::Face;
use hw_sim::rig::{Rig, RigConfig};
use platen::control::rejoin::{Plan, Trail};
use platen::control::run::FileLine;
use platen::control::session::{MayBeLeft, Profile, Session, SessionEvent, TrailMark};
use platen::control::stop::BARE_TO_UNPACKER;
use platen::domain::heat::{Alarm, HeatLimits};
use platen::domain::ids::{FileHash, JobId};
use platen::domain::job::{AfterCrash, Progress};
use platen::domain::moment::Moment;
use platen::domain::units::Baud;
use platen::gcode::survey::CommandDigest;
use platen::protocol::dialect::Refusal;
use platen::protocol::window::{Capacity, REWIND_MAX};
use std::hash::{DefaultHasher, Hash};

/// The longest line that is sent in these tests, and the shortest, with number and checksum.
const LINE_BYTES: usize = 96;
/// Tells a board to unpack (`hw_sim::meatpack`).
const UNPACK: &[u8] = &[0xFF, 0xFF, 0xFB];
const SHORTEST_LINE: usize = 8;

pub const SAFE: Capacity = Capacity { receive_bytes: 127, queue_slots: 0 };

/// Not of the job: what a host asks for itself.
fn is_question(command: &str) -> bool {
    let digits = command.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let code = command.get(..1 + digits).unwrap_or_default();
    ["M105", "M110", "M112", "M113", "M114", "M115", "M154", "M155", "M400", "M409", "M108", "M876"]
        .contains(&code)
}

fn is_pause(line: &str) -> bool {
    ["M0", "M1", "M25", "M601"].contains(&line.split(' ').next().unwrap_or_default())
}

/// Noise in a line and in its checksum, or twice in a line, can fit each other: nobody can see that on the
/// wire. A host's own mistake would be another line of the file as it stands there.
fn is_undetectable(file: &[String], wanted: &str, executed: &str) -> bool {
    let other = file.iter().any(|line| line == executed);
    // What was lost on the way, in a receive buffer that a doubled line made too small, may reach into the
    // next line, whose number is then one of the words.
    let spliced = executed.split(' ').skip(1).any(|word| {
        word.strip_prefix('N').is_some_and(|digits| digits.len() >= 5 && digits.parse::<u32>().is_ok())
    });
    if spliced {
        return true;
    }
    !other && distance(wanted, executed) <= 5
}

pub struct World {
    pub rig: Rig,
    pub session: Session,
    pub events: Vec<SessionEvent>,
    pub file: Vec<String>,
    supplied: usize,
    ended: bool,
    /// Executed lines that were checked already, and how many of them were the file's.
    checked: usize,
    done: usize,
    /// Where the job's lines begin in the ledger.
    job_from: usize,
    pub now: u64,
    pub in_flight_max: usize,
    /// Tails of cut lines that ran as commands without a number.
    pub wrong: u64,
    /// Lines that noise changed without changing their checksum.
    pub undetectable: u64,
    /// Whether a relay cuts the printer's power when a stop is not verified.
    pub has_relay: bool,
    /// Whether the port has a DTR at all.
    pub has_dtr: bool,
    /// Every byte in both directions with its time, for comparing two runs.
    pub trace: Vec<(u64, char, Vec<u8>)>,
    pub keep_trace: bool,
    /// How commands begin that are our own, in a pause.
    pub scripts: &'static [&'static str],
    /// Digest of all that `trace` would hold.
    pub trace_digest: DefaultHasher,
    profile: Profile,
    /// The file's reader is slow: it gives nothing now.
    pub hold_back: bool,
    /// What outlives the session, as the printer's task keeps it.
    pub trail: Option<Trail>,
    trail_mark: Option<TrailMark>,
}

/// Whoever looks at one seed alone sees the last that was said.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = std::env::var("PLATEN_TRACE").map_or(80, |n| n.parse().unwrap());
            for (at, way, bytes) in self.trace.iter().rev().take(last).rev() {
                println!("{at} {way} {:?}", String::from_utf8_lossy(bytes));
            }
            println!("{:?}", self.session);
        }
    }
}

impl World {
    pub fn new(config: RigConfig, capacity: Capacity, file: Vec<String>) -> Self {
        Self::with_limits(config, capacity, file, HeatLimits::USUAL)
    }

    pub fn with_limits(config: RigConfig, capacity: Capacity, file: Vec<String>, heat: HeatLimits) -> Self {
        let profile = Profile { heat, ..Profile::new(Baud(config.wire.to_device.baud), capacity) };
        Self::with_profile(config, profile, file)
    }

    pub fn with_profile(mut config: RigConfig, profile: Profile, file: Vec<String>) -> Self {
        config.firmware.record_lines = true;
        let rig = Rig::new(config);
        let session = Session::new("sim".parse().unwrap(), profile);
        Self {
            rig,
            session,
            events: Vec::new(),
            file,
            supplied: 0,
            ended: false,
            checked: 0,
            done: 0,
            job_from: 0,
            now: 0,
            in_flight_max: 0,
            wrong: 0,
            undetectable: 0,
            has_relay: false,
            has_dtr: true,
            trace: Vec::new(),
            keep_trace: false,
            scripts: &[],
            trace_digest: DefaultHasher::new(),
            profile,
            hold_back: false,
            trail: None,
            trail_mark: None,
        }
    }

    /// The daemon is killed: what it has written is on its way, what it has not read is lost.
    pub fn crash(&mut self) {
        self.rig.close_port(self.now);
        self.session = Session::new("sim".parse().unwrap(), self.profile);
        self.trail_mark = None;
        self.events.clear();
    }

    /// The daemon leaves the job to another one, which gets the open port: what the board says waits in it.
    pub fn hand_over(&mut self) {
        assert_eq!(self.session.may_be_left(), MayBeLeft::Now);
        self.trail_mark = None;
        self.keep_trail();
        self.session = Session::new("sim".parse().unwrap(), self.profile);
        self.trail_mark = None;
        self.events.clear();
    }

    /// The cable is out. Whether the job is looked for when it is in again.
    pub fn pull(&mut self) -> bool {
        self.rig.inject(self.now, &Fault::Disconnect);
        let left = self.session.lose_port("unplugged");
        self.flush();
        let Some((trail, _)) = left else { return false };
        self.trail = Some(trail);
        true
    }

    /// The cable is in again, and the job is looked for.
    pub fn put_in(&mut self, policy: AfterCrash) {
        self.rig.inject(self.now, &Fault::Reconnect);
        self.reopen(policy);
    }

    /// Another daemon opens the port and looks for the job.
    pub fn reopen(&mut self, policy: AfterCrash) {
        self.rig.open_port(self.now);
        self.take_port(policy);
    }

    /// Another daemon has the open port and looks for the job.
    pub fn take_port(&mut self, policy: AfterCrash) {
        (self.supplied, self.ended) = (0, false);
        let progress = Progress { confirmed: 0, total: self.file.len() as u64 };
        let trail = self.trail.clone().unwrap();
        let plan = Plan { job: Self::job(), progress, trail, policy };
        self.session.handle_reopened(self.moment(), plan);
        self.flush();
    }

    /// What the printer's task does before it writes.
    fn keep_trail(&mut self) {
        let mark = Some(self.session.trail_mark());
        if mark != self.trail_mark {
            self.trail_mark = mark;
            if let Some(trail) = self.session.trail() {
                self.trail = Some(trail);
            }
        }
    }

    pub fn marlin(file: Vec<String>) -> Self {
        Self::new(RigConfig::new(Face::Marlin21, 115_200, 1_000, 1), SAFE, file)
    }

    pub fn moment(&self) -> Moment {
        Moment(self.now)
    }

    pub fn digest(&self) -> FileHash {
        let mut digest = CommandDigest::default();
        for line in &self.file {
            digest.add(line.as_bytes());
        }
        digest.finish()
    }

    pub fn open(&mut self) {
        self.rig.open_port(self.now);
        self.session.handle_opened(self.moment());
        self.flush();
    }

    pub fn job() -> JobId {
        JobId::from_entropy([7; 16])
    }

    /// What was executed so far is not ours.
    pub fn forget_executed(&mut self) {
        self.job_from = self.rig.ledger().executed().len();
        self.checked = self.job_from;
        self.done = 0;
    }

    pub fn start(&mut self) {
        self.forget_executed();
        self.supplied = 0;
        self.ended = false;
        self.session.start(self.moment(), Self::job(), self.file.len() as u64).unwrap();
        self.flush();
    }

    fn note(&mut self, way: char, bytes: Vec<u8>) {
        (self.now, way, &bytes).hash(&mut self.trace_digest);
        if self.keep_trace {
            self.trace.push((self.now, way, bytes));
        }
    }

    /// Something goes wrong, or is mended.
    pub fn inject(&mut self, fault: &Fault) {
        self.rig.inject(self.now, fault);
    }

    /// The cable is out; a job that ran is interrupted by that.
    pub fn close(&mut self, reason: &str) {
        self.session.handle_closed(reason);
        self.flush();
    }

    /// Everything that can be done at this moment.
    pub fn flush(&mut self) {
        loop {
            let mut moved = false;
            let wants = if self.hold_back { 0 } else { self.session.wants() };
            if wants > 0 && self.supplied < self.file.len() {
                let to = (self.supplied + wants).min(self.file.len());
                let lines: Vec<_> = (self.supplied..to)
                    .map(|at| FileLine { index: at as u64 + 1, text: self.file[at].as_bytes().into() })
                    .collect();
                self.supplied = to;
                self.session.supply(self.moment(), lines);
                moved = true;
            } else if wants > 0 && !self.ended {
                self.ended = true;
                self.session.supply_ended(self.moment());
                moved = true;
            }
            self.keep_trail();
            if !self.session.transmit().is_empty() {
                let bytes = self.session.transmit().to_vec();
                if bytes.windows(UNPACK.len()).any(|part| part == UNPACK) {
                    assert_eq!(self.session.bare_stop(), BARE_TO_UNPACKER, "another stop would be unpacked");
                }
                self.session.transmitted(bytes.len());
                self.rig.host_write(self.now, &bytes);
                self.note('>', bytes);
                moved = true;
            }
            while let Some(event) = self.session.poll_event() {
                if event == SessionEvent::StopUnverified && self.has_relay {
                    self.rig.inject(self.now, &Fault::PowerCut);
                }
                if matches!(event, SessionEvent::Printed { .. }) {
                    assert!(self.rig.firmware().is_standing(), "called printed while the head moves");
                }
                self.events.push(event);
                moved = true;
            }
            if !moved {
                break;
            }
        }
        self.follow_dtr();
        self.in_flight_max = self.in_flight_max.max(self.session.link().window().in_flight_bytes());
        self.check_bounds();
    }

    /// What the printer's task does with the port's DTR.
    fn follow_dtr(&mut self) {
        let up = self.session.dtr_is_up(self.moment());
        if self.has_dtr {
            self.rig.set_dtr(self.now, up);
        } else if !up {
            self.session.handle_no_dtr(self.moment());
            while let Some(event) = self.session.poll_event() {
                if event == SessionEvent::StopUnverified && self.has_relay {
                    self.rig.inject(self.now, &Fault::PowerCut);
                }
                self.events.push(event);
            }
        }
    }

    /// No queue grows: neither what is unconfirmed, nor what waits to be written, nor what may be taken back.
    #[track_caller]
    fn check_bounds(&self) {
        let window = self.session.link().window();
        let Capacity { receive_bytes, queue_slots } = window.capacity();
        let (bytes, lines) = (window.in_flight_bytes(), window.in_flight() as usize);
        let most = receive_bytes + queue_slots * LINE_BYTES;
        if bytes > most && lines != 1 {
            for (at, way, bytes) in self.trace.iter().rev().take(60).rev() {
                println!("{at} {way} {:?}", String::from_utf8_lossy(bytes));
            }
            println!(
                "{:?} acked {} cursor {} next {}",
                self.session.link().dialect(),
                window.acked(),
                window.cursor(),
                window.next()
            );
        }
        assert!(
            bytes <= most || lines == 1,
            "{bytes} bytes in {lines} lines unconfirmed, {most} are known to fit"
        );
        let kept = window.unsettled().count();
        let most = REWIND_MAX as usize + 1 + receive_bytes / SHORTEST_LINE + queue_slots;
        assert!(kept <= most.max(REWIND_MAX as usize + 2), "{kept} lines are kept, {most} at most");
        assert!(self.session.transmit().is_empty(), "written at once");
    }

    /// One step: to the next thing that happens on either side.
    pub fn step(&mut self, until: u64) {
        let host = self.session.poll_timeout().map_or(until, Moment::micros).max(self.now);
        let reached = self.rig.run_until_output(host.min(until));
        self.now = reached.max(self.now);
        let bytes = self.rig.host_read(self.now);
        if !bytes.is_empty() {
            self.note('<', bytes.clone());
            self.session.handle_bytes(self.moment(), &bytes);
        }
        if self.session.poll_timeout().is_some_and(|at| at.micros() <= self.now) {
            self.session.handle_timeout(self.moment());
        }
        self.flush();
        self.check_prefix();
    }

    /// Runs until `done`, at most to `seconds` of virtual time.
    #[track_caller]
    pub fn run_until(&mut self, seconds: u64, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let until = self.now + seconds * 1_000_000;
        while !done(self) {
            assert!(
                self.now < until,
                "{what} did not happen in {seconds} s: {:?}, {:?}, executed {} of {}",
                self.session.activity(),
                self.events.last(),
                self.executed(),
                self.file.len()
            );
            self.step(until);
        }
    }

    #[track_caller]
    pub fn until_ready(&mut self) {
        self.run_until(60, "greeting", |world| world.session.is_ready());
    }

    /// Lines of the file that the firmware has executed.
    pub fn executed(&self) -> usize {
        self.done
    }

    /// All commands that the firmware has executed, questions not counted.
    pub fn executed_in_all(&self) -> usize {
        self.rig.ledger().executed().iter().filter(|line| !is_question(&spelled(line))).count()
    }

    #[track_caller]
    fn check_prefix(&mut self) {
        let ledger = self.rig.ledger();
        let all = ledger.executed();
        // Where numbers are not looked at, none is missing.
        let looks = self.session.link().dialect().traits.refusal == Refusal::Asks;
        for (at, line) in all.iter().enumerate().skip(self.checked) {
            let line = spelled(line);
            let Manner { numbered, known } = ledger.manner(at);
            // A pause in the file is platen's own, and nothing that the firmware sees.
            while self.file.get(self.done).is_some_and(|line| is_pause(line)) {
                self.done += 1;
            }
            let wanted = self.file.get(self.done).map(String::as_str);
            if wanted == Some(line.as_str()) && (numbered || !looks) {
                self.done += 1;
                continue;
            }
            // After the job's lines come at most our own for switching off.
            let own = matches!(line.as_str(), "M104 S0" | "M140 S0" | "M141 S0" | "M107" | "M84 S0" | "M84 S120")
                || line.starts_with("M85 S")
                || self.scripts.iter().any(|begin| line.starts_with(begin))
                // The way back, at a feedrate that no file here has.
                || (!self.scripts.is_empty() && line.ends_with(" F6000"));
            if own || is_question(&line) {
                continue;
            }
            // Two flipped bits that fit each other, one of them in the `N`.
            let bare =
                line.strip_prefix('n').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
            if !known
                && let (Some(bare), Some(wanted)) = (bare, wanted)
                && is_undetectable(&self.file, wanted, bare.trim_start())
            {
                self.done += 1;
                self.undetectable += 1;
                continue;
            }
            if looks && !numbered {
                // It lost its number, and with it its checksum. If it still is a command, it is run.
                self.wrong += u64::from(known);
                continue;
            }
            if wanted.is_some_and(|wanted| is_undetectable(&self.file, wanted, &line)) {
                self.done += 1;
                self.undetectable += 1;
                continue;
            }
            if !known {
                // One of our own, changed like that: it does nothing.
                self.undetectable += 1;
                continue;
            }
            panic!("executed {line:?} as command {}, which is {wanted:?}", self.done + 1);
        }
        self.checked = all.len();
    }

    /// All alarms so far.
    pub fn alarms(&self) -> Vec<Alarm> {
        let alarm = |event: &SessionEvent| match event {
            SessionEvent::Heat(alarm) => Some(*alarm),
            _ => None,
        };
        self.events.iter().filter_map(alarm).collect()
    }

    pub fn printed(&self) -> Option<(u64, FileHash)> {
        self.events.iter().find_map(|event| match event {
            SessionEvent::Printed { progress, digest, .. } => Some((progress.confirmed, digest.clone())),
            _ => None,
        })
    }

    /// Prints the whole file and checks that it is exact.
    #[track_caller]
    pub fn print_exactly(&mut self, seconds: u64) {
        self.open();
        self.until_ready();
        self.start();
        self.run_until(seconds, "the end of the job", |world| {
            world
                .events
                .iter()
                .any(|event| matches!(event, SessionEvent::Printed { .. } | SessionEvent::Interrupted { .. }))
        });
        assert_eq!(self.printed(), Some((self.file.len() as u64, self.digest())), "{:?}", self.events.last());
        assert_eq!((self.executed(), self.wrong), (self.file.len(), 0));
    }
}

/// Short segments as on curved anatomy, in the form in which the ledger writes them.
pub fn curve(lines: usize) -> Vec<String> {
    (0..lines)
        .map(|n| {
            let angle = n as f64 * 0.01;
            let (x, y) = (100.0 + 30.0 * angle.cos(), 100.0 + 30.0 * angle.sin());
            let mut line = format!("G1 X{} Y{} E{}", tidy(x), tidy(y), tidy(0.01 + (n % 7) as f64 * 0.001));
            if n % 50 == 0 {
                line.push_str(" F3000");
            }
            line
        })
        .collect()
}

fn tidy(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
