//! One session and one simulated printer in virtual time; the same pump as in `tests/sim/world.rs`, without its checks.

use hw_sim::planner::Motion;
use hw_sim::quirks::Face;
use hw_sim::rig::{Rig, RigConfig};
use platen::control::run::FileLine;
use platen::control::session::{Profile, Session, SessionEvent};
use platen::domain::ids::JobId;
use platen::domain::moment::Moment;
use platen::domain::units::Baud;
use platen::protocol::window::Capacity;

/// What came out of one print.
#[derive(Clone, Copy, Debug)]
pub struct Printed {
    pub lines: u64,
    pub bytes: u64,
    pub seconds: f64,
    pub resends: u64,
}

/// A printer whose moves take no time, so that the line is what is measured.
pub fn instant(baud: u32, latency_us: u64, advanced_ok: bool) -> RigConfig {
    let mut config = RigConfig::new(Face::Marlin21, baud, latency_us, 1);
    config.firmware.motion = Motion::Instant;
    config.firmware.home_us = 0;
    config.firmware.prevent_cold_extrusion = false;
    config.firmware.advanced_ok = advanced_ok;
    config
}

struct Pump<'a> {
    rig: Rig,
    session: Session,
    file: &'a [String],
    supplied: usize,
    ended: bool,
    now: u64,
}

impl Pump<'_> {
    fn moment(&self) -> Moment {
        Moment(self.now)
    }

    fn flush(&mut self) {
        loop {
            let wants = self.session.wants();
            if wants > 0 && self.supplied < self.file.len() {
                let to = (self.supplied + wants).min(self.file.len());
                let index = |at: usize| at as u64 + 1;
                let lines: Vec<_> = (self.supplied..to)
                    .map(|at| FileLine { index: index(at), text: self.file[at].as_bytes().into() })
                    .collect();
                self.supplied = to;
                self.session.supply(self.moment(), lines);
            } else if wants > 0 && !self.ended {
                self.ended = true;
                self.session.supply_ended(self.moment());
            } else if !self.session.transmit().is_empty() {
                let bytes = self.session.transmit().to_vec();
                self.session.transmitted(bytes.len());
                self.rig.host_write(self.now, &bytes);
            } else {
                return;
            }
        }
    }

    fn step(&mut self) {
        let until = self.now + 60_000_000;
        let host = self.session.poll_timeout().map_or(until, Moment::micros).max(self.now);
        self.now = self.rig.run_until_output(host).max(self.now);
        let bytes = self.rig.host_read(self.now);
        if !bytes.is_empty() {
            self.session.handle_bytes(self.moment(), &bytes);
        }
        if self.session.poll_timeout().is_some_and(|at| at.micros() <= self.now) {
            self.session.handle_timeout(self.moment());
        }
        self.flush();
    }
}

/// Prints `file` on a printer of this kind: from its first line on the wire to the confirmation of its last.
pub fn print(config: RigConfig, capacity: Capacity, file: &[String]) -> Printed {
    let baud = Baud(config.wire.to_device.baud);
    let name = "bench".parse().unwrap();
    let session = Session::new(name, Profile::new(baud, capacity));
    let mut pump = Pump { rig: Rig::new(config), session, file, supplied: file.len(), ended: true, now: 0 };
    pump.rig.open_port(0);
    pump.session.handle_opened(pump.moment());
    pump.flush();
    while !pump.session.is_ready() {
        pump.step();
    }
    let before = *pump.session.line();
    (pump.supplied, pump.ended) = (0, false);
    pump.session.start(pump.moment(), JobId::from_entropy([7; 16]), file.len() as u64).unwrap();
    while !pump.session.link().is_streaming() {
        pump.flush();
        pump.step();
    }
    let began = pump.now;
    loop {
        match pump.session.poll_event() {
            Some(SessionEvent::Printed { progress, .. }) => {
                assert_eq!(progress.confirmed, file.len() as u64);
                break;
            }
            Some(SessionEvent::Interrupted { why, .. }) => panic!("interrupted: {}", why.in_words()),
            Some(_) => {}
            None => pump.step(),
        }
    }
    let counts = *pump.session.line();
    Printed {
        lines: counts.lines_sent - before.lines_sent,
        bytes: counts.bytes_sent - before.bytes_sent,
        seconds: (pump.now - began) as f64 / 1e6,
        resends: counts.resends - before.resends,
    }
}
