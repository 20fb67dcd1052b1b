//! Two printers whose plugs are pulled, swapped and put in again at any moment: no board runs a line of the
//! other one's job, whether its firmware, its adapter or nothing at all tells it from the other.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::canonical::{Canonical, canonical};
use hw_sim::faults::Fault;
use hw_sim::planner::Motion;
use hw_sim::quirks::Face;
use hw_sim::random::Random;
use hw_sim::rig::{Rig, RigConfig};
use platen::control::rejoin::{Plan, Trail};
use platen::control::run::FileLine;
use platen::control::session::{Profile, Session, SessionEvent};
use platen::domain::identity::{Evidence, Neighbour, Plugging, Recognition, UsbPort};
use platen::domain::ids::{JobId, PrinterName};
use platen::domain::job::{AfterCrash, Progress};
use platen::domain::moment::Moment;
use platen::domain::units::Baud;

use crate::world::SAFE;

const STEP_US: u64 = 2_000;
const LINES: u64 = 400;
/// Lines of a job before its first move.
const BEFORE_MOVES: u64 = 2;

/// One printer of the lab: its port, and what the journal would hold.
struct Port {
    session: Session,
    /// The board that is plugged in here now.
    board: Option<usize>,
    /// The kernel's number of this plug.
    plugging: u32,
    known: Option<Evidence>,
    /// What is kept of a job while its plug is out.
    left: Option<(Trail, Progress)>,
    job: bool,
    supplied: u64,
    printed: u64,
}

struct Lab {
    ports: [Port; 2],
    boards: [Rig; 2],
    serials: [Option<String>; 2],
    pluggings: u32,
    now: u64,
    quarantines: u64,
    continued: u64,
    /// The last line of a job that each board ran.
    last: [u64; 2],
    checked: [usize; 2],
    /// Lines of its own file that each board ran.
    ran: [u64; 2],
}

fn name(port: usize) -> PrinterName {
    ["a", "b"][port].parse().unwrap()
}

/// What a line of a job is known by: the first printer moves left, the second one right.
fn move_of(printer: usize, index: u64) -> String {
    // What comes first lets a replay tell where the head is.
    if index < BEFORE_MOVES {
        return ["G28", "G90"][index as usize].to_owned();
    }
    format!("G1 X{} Y{}", if printer == 0 { 10 } else { 90 }, 10 + index % 50)
}

impl Lab {
    fn new(seed: u64, dice: &mut Random) -> Self {
        let face = [Face::Marlin21, Face::Marlin20, Face::Marlin11][dice.below(3) as usize];
        // What tells the boards apart: the UUID, the machine type, the adapter's serial number, or nothing.
        let kind = dice.below(4);
        let resets = dice.below(2) == 0;
        let board = |index: usize| {
            let mut config = RigConfig::new(face, 115_200, 1_000, seed + index as u64);
            let firmware = &mut config.firmware;
            firmware.record_lines = true;
            firmware.reset_on_open = resets;
            firmware.motion = Motion::Instant;
            firmware.home_us = 100_000;
            if kind == 0 {
                firmware.uuid = format!("6f1e0c52-{index:04}-4000-8000-5a4c0f9e0001");
            }
            if kind == 1 {
                firmware.machine_type = format!("Ender-{}", 3 + index);
            }
            Rig::new(config)
        };
        let serial = |index: usize| (kind == 2).then(|| format!("A5028{index}BI"));
        let port = |index: usize| Port {
            session: Session::new(name(index), Profile::new(Baud(115_200), SAFE)),
            board: None,
            plugging: 0,
            known: None,
            left: None,
            job: false,
            supplied: 0,
            printed: 0,
        };
        Self {
            ports: [port(0), port(1)],
            boards: [board(0), board(1)],
            serials: [serial(0), serial(1)],
            pluggings: 0,
            now: 0,
            quarantines: 0,
            continued: 0,
            last: [0; 2],
            checked: [0; 2],
            ran: [0; 2],
        }
    }

    fn usb(&self, port: usize) -> Option<UsbPort> {
        let device = format!("1-{}", port + 1);
        Some(UsbPort {
            kind: "1a86:7523".into(),
            serial: self.serials[self.ports[port].board?].clone(),
            socket: format!("0000:00:14.0-usb-0:{}:1.0", port + 1),
            plugging: Some(Plugging { boot: "boot".into(), device, number: self.ports[port].plugging }),
        })
    }

    /// As `services::ports` has it.
    fn recognition(&self, port: usize) -> Recognition {
        let other = 1 - port;
        let plugging = |evidence: &Evidence| evidence.usb.as_ref().and_then(|usb| usb.plugging.clone());
        let now_in = self.usb(other).and_then(|usb| usb.plugging);
        let neighbour = self.ports[other].known.as_ref().map(|evidence| Neighbour {
            name: name(other),
            evidence: evidence.clone(),
            in_place: now_in.is_some() && plugging(evidence) == now_in,
            rests: !self.ports[other].job,
        });
        Recognition {
            usb: self.usb(port),
            known: self.ports[port].known.clone(),
            neighbours: neighbour.into_iter().collect(),
            fixed_plug: false,
        }
    }

    fn pull(&mut self, port: usize) {
        let Some(board) = self.ports[port].board.take() else { return };
        self.boards[board].inject(self.now, &Fault::Disconnect);
        self.ports[port].left = self.ports[port].session.lose_port("unplugged");
        self.pump(port);
    }

    fn put_in(&mut self, port: usize, board: usize) {
        self.pluggings += 1;
        self.boards[board].inject(self.now, &Fault::Reconnect);
        self.boards[board].open_port(self.now);
        let here = &mut self.ports[port];
        (here.board, here.plugging) = (Some(board), self.pluggings);
        let recognition = self.recognition(port);
        let here = &mut self.ports[port];
        here.session.expect(Some(recognition));
        match here.left.take() {
            None => here.session.handle_opened(Moment(self.now)),
            Some((trail, progress)) => {
                here.supplied = 0;
                let (job, policy) = (trail.job.clone(), AfterCrash::Continue);
                here.session.handle_reopened(Moment(self.now), Plan { job, progress, trail, policy });
            }
        }
        self.pump(port);
    }

    /// Takes what a session wants to send and to tell.
    fn pump(&mut self, port: usize) {
        let now = Moment(self.now);
        let here = &mut self.ports[port];
        loop {
            let wants = here.session.wants() as u64;
            if wants > 0 && here.supplied < LINES {
                let to = (here.supplied + wants).min(LINES);
                let lines = (here.supplied..to).map(|index| FileLine {
                    index: index + 1,
                    text: move_of(port, index).into_bytes().into(),
                });
                here.supplied = to;
                here.session.supply(now, lines.collect::<Vec<_>>());
                if to == LINES {
                    here.session.supply_ended(now);
                }
            }
            let bytes = here.session.transmit().to_vec();
            here.session.transmitted(bytes.len());
            if let (Some(board), false) = (here.board, bytes.is_empty()) {
                self.boards[board].host_write(self.now, &bytes);
            }
            let mut told = false;
            while let Some(event) = here.session.poll_event() {
                told = true;
                match event {
                    SessionEvent::Recognised { evidence, learn: true } => here.known = Some(*evidence),
                    SessionEvent::Quarantined(_) => self.quarantines += 1,
                    SessionEvent::Printed { .. } => (here.job, here.printed) = (false, here.printed + 1),
                    SessionEvent::Interrupted { .. } => here.job = false,
                    SessionEvent::Continued { .. } => self.continued += 1,
                    _ => {}
                }
            }
            if bytes.is_empty() && !told && (here.session.wants() == 0 || here.supplied == LINES) {
                return;
            }
        }
    }

    fn step(&mut self) {
        self.now += STEP_US;
        let now = Moment(self.now);
        for port in 0..2 {
            let Some(board) = self.ports[port].board else { continue };
            let bytes = self.boards[board].host_read(self.now);
            let here = &mut self.ports[port];
            if !bytes.is_empty() {
                here.session.handle_bytes(now, &bytes);
            }
            if here.session.poll_timeout().is_some_and(|at| at <= now) {
                here.session.handle_timeout(now);
            }
            if here.session.is_closed() {
                // The task closes the port and opens it again.
                self.boards[board].close_port(self.now);
                self.boards[board].open_port(self.now);
                let recognition = self.recognition(port);
                let session = &mut self.ports[port].session;
                session.expect(Some(recognition));
                session.handle_opened(now);
            }
            let here = &mut self.ports[port];
            if here.session.is_ready() && !here.job {
                let job = JobId::from_entropy([port as u8 + 1; 16]);
                here.session.start(now, job, LINES).unwrap();
                (here.job, here.supplied) = (true, 0);
            }
            self.pump(port);
        }
        self.check();
    }

    /// Whatever became of the plugs: the first board moves left and the second one right.
    #[track_caller]
    fn check(&mut self) {
        for board in 0..2 {
            let executed = self.boards[board].ledger().executed();
            for line in &executed[self.checked[board]..] {
                let Canonical::Print(text) = canonical(line.as_bytes()) else { continue };
                let text = String::from_utf8_lossy(&text).into_owned();
                let theirs = move_of(1 - board, BEFORE_MOVES);
                let column = theirs.split(' ').nth(1).unwrap_or_default();
                assert!(
                    !text.contains(column),
                    "board {board} ran {text}, a line of the other printer's job"
                );
                self.ran[board] += u64::from(text.starts_with("G1"));
                // The next one, or the first one of another job.
                if let Some(y) = text.split(" Y").nth(1).and_then(|y| y.parse::<u64>().ok()) {
                    let next = 10 + (self.last[board].max(10) - 9) % 50;
                    assert!(
                        [next, 10 + BEFORE_MOVES].contains(&y) || self.last[board] == 0,
                        "board {board} ran Y{y} after Y{}",
                        self.last[board]
                    );
                    self.last[board] = y;
                }
            }
            self.checked[board] = executed.len();
        }
    }
}

fn run(seed: u64) -> (u64, u64, u64, [u64; 2]) {
    let mut dice = Random::new(seed);
    let mut lab = Lab::new(seed, &mut dice);
    for port in 0..2 {
        lab.put_in(port, port);
    }
    // Both are known before anybody pulls a plug.
    while lab.ports.iter().any(|port| port.known.is_none()) {
        lab.step();
        assert!(lab.now < 60_000_000, "seed {seed}: never learned");
    }
    for _ in 0..6 {
        let until = lab.now + 100_000 + dice.below(3_000_000);
        while lab.now < until {
            lab.step();
        }
        // In any order, at once or with time between.
        let first = dice.below(2) as usize;
        for port in [first, 1 - first] {
            if dice.below(5) > 0 {
                lab.pull(port);
            }
            let until = lab.now + dice.below(2) * dice.below(700_000);
            while lab.now < until {
                lab.step();
            }
        }
        let swapped = dice.below(2) as usize;
        for port in [first, 1 - first] {
            let board = port ^ swapped;
            let free = lab.ports.iter().all(|other| other.board != Some(board));
            if free && lab.ports[port].board.is_none() {
                lab.put_in(port, board);
            }
            let until = lab.now + dice.below(2) * dice.below(700_000);
            while lab.now < until {
                lab.step();
            }
        }
    }
    (lab.quarantines, lab.continued, lab.ports.iter().map(|port| port.printed).sum(), lab.ran)
}

#[test]
fn whatever_becomes_of_the_plugs_no_board_runs_a_line_of_the_other_printers_job() {
    let count = std::env::var("PLATEN_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let (mut quarantines, mut continued, mut printed, mut ran) = (0, 0, 0, 0);
    for seed in 0..count {
        let (theirs, on, done, lines) = run(seed);
        continued += on;
        quarantines += theirs;
        printed += done;
        ran += lines.iter().sum::<u64>();
    }
    println!(
        "{count} seeds: {quarantines} quarantines, {continued} jobs went on, {printed} jobs printed, {ran} lines run"
    );
    assert!(quarantines > count && printed > count && continued > count / 10, "it happens at all");
}
