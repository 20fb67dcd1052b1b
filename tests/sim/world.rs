//! One session, one simulated printer, and the time between them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::canonical::{Canonical, canonical};
use hw_sim::quirks::Face;
use hw_sim::rig::{Rig, RigConfig};
use platen::control::run::FileLine;
use platen::control::session::{Profile, Session, SessionEvent};
use platen::domain::ids::{FileHash, JobId};
use platen::domain::moment::Moment;
use platen::domain::units::Baud;
use platen::gcode::survey::CommandDigest;
use platen::protocol::window::Capacity;

pub const SAFE: Capacity = Capacity { receive_bytes: 127, queue_slots: 0 };

/// Not of the job: what the host asks for itself, and lines that noise robbed of their `N`, which the
/// firmware runs as an unknown command (it verifies no checksum without a number).
fn is_housekeeping(command: &str) -> bool {
    let code = command.split(' ').next().unwrap_or_default();
    let known = code.len() <= 4 && code.starts_with(['G', 'M']) && code[1..].parse::<u16>().is_ok();
    !known
        || ["M105", "M110", "M112", "M113", "M114", "M115", "M154", "M155", "M400", "M108", "M876"]
            .contains(&code)
}

/// A command in its one spelling: a host may leave out spaces and zeros.
fn spelled(command: &str) -> String {
    match canonical(command.as_bytes()) {
        Canonical::Print(text) => String::from_utf8_lossy(&text).into_owned(),
        Canonical::Housekeeping | Canonical::Nothing => command.to_owned(),
    }
}

/// Two changed or two equal lost bytes leave the checksum as it was: nobody can see that on the wire.
fn is_undetectable(wanted: &str, executed: &str) -> bool {
    let sum = |text: &str| text.bytes().fold(0, |sum, byte| sum ^ byte);
    sum(wanted) == sum(executed) && wanted.len().abs_diff(executed.len()).is_multiple_of(2)
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
    /// Every byte in both directions with its time, for comparing two runs.
    pub trace: Vec<(u64, char, Vec<u8>)>,
    pub keep_trace: bool,
}

impl World {
    pub fn new(mut config: RigConfig, capacity: Capacity, file: Vec<String>) -> Self {
        config.firmware.record_lines = true;
        let baud = Baud(config.wire.to_device.baud);
        let rig = Rig::new(config);
        let session = Session::new("sim".parse().unwrap(), Profile::new(baud, capacity));
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
            trace: Vec::new(),
            keep_trace: false,
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

    /// Everything that can be done at this moment.
    pub fn flush(&mut self) {
        loop {
            let mut moved = false;
            let wants = self.session.wants();
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
            if !self.session.transmit().is_empty() {
                let bytes = self.session.transmit().to_vec();
                self.session.transmitted(bytes.len());
                self.rig.host_write(self.now, &bytes);
                if self.keep_trace {
                    self.trace.push((self.now, '>', bytes));
                }
                moved = true;
            }
            while let Some(event) = self.session.poll_event() {
                self.events.push(event);
                moved = true;
            }
            if !moved {
                break;
            }
        }
        self.in_flight_max = self.in_flight_max.max(self.session.link().window().in_flight_bytes());
    }

    /// One step: to the next thing that happens on either side.
    pub fn step(&mut self, until: u64) {
        let host = self.session.poll_timeout().map_or(until, Moment::micros).max(self.now);
        let reached = self.rig.run_until_output(host.min(until));
        self.now = reached.max(self.now);
        let bytes = self.rig.host_read(self.now);
        if !bytes.is_empty() {
            if self.keep_trace {
                self.trace.push((self.now, '<', bytes.clone()));
            }
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

    #[track_caller]
    fn check_prefix(&mut self) {
        let all = self.rig.ledger().executed();
        if self.checked == all.len() {
            return;
        }
        let mut done = self.done;
        for line in all[self.checked..].iter().map(|line| spelled(line)) {
            if is_housekeeping(&line) {
                continue;
            }
            let wanted = self.file.get(done).map(String::as_str);
            // After the job's lines come at most our own for switching off.
            let own = matches!(line.as_str(), "M104 S0" | "M140 S0" | "M107");
            if own && wanted != Some(line.as_str()) {
                continue;
            }
            if wanted != Some(line.as_str()) {
                for (at, way, bytes) in self.trace.iter().rev().take(40).rev() {
                    println!("{at} {way} {:?}", String::from_utf8_lossy(bytes));
                }
                if wanted.is_some_and(|wanted| is_undetectable(wanted, &line)) {
                    done += 1;
                    continue;
                }
                let unnumbered =
                    self.rig.ledger().segments().iter().map(|segment| segment.strays).sum::<u64>();
                let known = unnumbered - self.rig.ledger().totals.unknown.min(unnumbered);
                if known > self.wrong {
                    self.wrong += 1;
                    continue;
                }
                panic!("executed {line:?} as command {}, which is {wanted:?}", done + 1);
            }
            done += 1;
        }
        self.checked = all.len();
        self.done = done;
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
