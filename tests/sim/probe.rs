//! `platen stream --probe`: what a board can hold, measured without a move and never too large.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::faults::Fault;
use hw_sim::quirks::{Acknowledge, Face, ResetCause};
use hw_sim::rig::{Rig, RigConfig};
use platen::control::probe::{Findings, Found, Hindrance, Recommended};
use platen::control::session::{Profile, Session, SessionEvent};
use platen::domain::moment::Moment;
use platen::domain::units::Baud;

use crate::world::SAFE;

/// A session and a board; what the board has no room for waits where it has flow control.
struct Bench {
    rig: Rig,
    session: Session,
    events: Vec<SessionEvent>,
    now: u64,
    /// Written, and held back by the board.
    waiting: Vec<u8>,
}

impl Bench {
    fn new(mut config: RigConfig) -> Self {
        config.firmware.record_lines = true;
        let baud = Baud(config.wire.to_device.baud);
        let session = Session::new(
            "sim".parse().unwrap(),
            Profile { inactivity_kill: None, ..Profile::new(baud, SAFE) },
        );
        Self { rig: Rig::new(config), session, events: Vec::new(), now: 0, waiting: Vec::new() }
    }

    fn flush(&mut self) {
        let bytes = self.session.transmit().to_vec();
        self.session.transmitted(bytes.len());
        self.waiting.extend(bytes);
        let firmware = self.rig.firmware();
        let native_usb = self.rig.byte_ns() == 0;
        let room = firmware.config().rx_buffer - 1 - firmware.ring_bytes();
        let count = if native_usb { self.waiting.len().min(room) } else { self.waiting.len() };
        let bytes: Vec<u8> = self.waiting.drain(..count).collect();
        if !bytes.is_empty() {
            self.rig.host_write(self.now, &bytes);
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    /// Runs until `done`; `false` if that took more than so many seconds.
    fn run(&mut self, seconds: u64, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + seconds * 1_000_000;
        while !done(self) {
            if self.now >= until {
                return false;
            }
            let host = self.session.poll_timeout().map_or(until, Moment::micros).max(self.now);
            // What waits is looked at every millisecond.
            let host = if self.waiting.is_empty() { host } else { host.min(self.now + 1_000) };
            self.now = self.rig.run_until_output(host.min(until)).max(self.now);
            let bytes = self.rig.host_read(self.now);
            if !bytes.is_empty() {
                self.session.handle_bytes(Moment(self.now), &bytes);
            }
            if self.session.poll_timeout().is_some_and(|at| at.micros() <= self.now) {
                self.session.handle_timeout(Moment(self.now));
            }
            self.flush();
        }
        true
    }

    fn greeted(&mut self) -> bool {
        self.rig.open_port(self.now);
        self.session.handle_opened(Moment(self.now));
        self.flush();
        self.run(120, |bench| bench.session.is_ready() || bench.session.is_closed());
        self.session.is_ready()
    }

    fn findings(&self) -> Option<Findings> {
        self.events.iter().find_map(|event| match event {
            SessionEvent::Probed(findings) => Some(**findings),
            _ => None,
        })
    }

    /// What a whole probe tells, or `None` where the line is too bad even for that.
    fn probe(&mut self) -> Option<Findings> {
        self.session.probe(Moment(self.now)).unwrap();
        self.flush();
        let ended = self.run(400, |bench| bench.findings().is_some() || bench.session.is_closed());
        assert!(ended, "a probe that does not end: {:?}", self.session);
        self.findings()
    }

    /// The board counts with us, and nothing but waiting was executed.
    fn assert_harmless(&mut self) {
        assert!(self.session.is_ready(), "{:?}", self.events);
        self.run(30, |bench| bench.session.link().window().acked() > 2);
        assert!(self.session.link().is_idle() || self.session.link().window().in_flight() < 3);
        let next = self.session.link().window().next();
        let count = self.rig.firmware().last_line_number();
        assert!(i64::from(next) - count <= 3, "the board counts {count}, we count {next}");
        self.assert_still();
    }

    fn assert_still(&self) {
        let totals = &self.rig.ledger().totals;
        assert_eq!(totals.moves_planned, 0);
        assert!(totals.hotend_max_celsius < 40.0 && totals.bed_max_celsius < 40.0);
        for line in self.rig.ledger().executed() {
            let code = line.split(' ').next().unwrap_or_default();
            let known = code.strip_prefix(['G', 'M', 'T']).is_some_and(|code| code.parse::<u32>().is_ok());
            let harmless = ["G4", "M110", "M115", "M105", "M114", "M155"].contains(&code);
            let off = matches!(line.as_str(), "M104 S0" | "M140 S0");
            assert!(!known || harmless || off, "executed {line:?}");
        }
    }
}

fn rig(face: Face, baud: u32, ring: usize, queue: usize) -> RigConfig {
    let mut config = RigConfig::new(face, baud, 1_000, 1);
    config.firmware.rx_buffer = ring;
    config.firmware.command_buffer = queue;
    config
}

/// Slots behind the command that runs, for lines whose `ok` is still to come.
fn slots(config: &RigConfig) -> usize {
    // Repetier answers when a line comes into the queue, so what waits for an `ok` is in the ring.
    let at_once = config.firmware.acknowledge == Acknowledge::WhenQueued;
    if at_once { 0 } else { config.firmware.command_buffer - 1 }
}

const FACES: [Face; 6] =
    [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3, Face::Repetier, Face::Smoothieware];

#[test]
fn every_usual_board_is_measured_exactly() {
    let mut longest = 0;
    for face in FACES {
        for (ring, queue) in
            [64, 128, 256, 1_024].into_iter().flat_map(|ring| [4, 8, 32].map(|queue| (ring, queue)))
        {
            for baud in [115_200, 250_000] {
                let config = rig(face, baud, ring, queue);
                let truth = Recommended { rx_buffer: ring, command_buffer: slots(&config) };
                let mut bench = Bench::new(config);
                assert!(bench.greeted());
                let before = bench.now;
                let findings = bench.probe().expect("findings");
                assert_eq!(findings.recommended, Some(truth), "{face:?} {ring} {queue} {baud}: {findings:?}");
                bench.assert_harmless();
                longest = longest.max(bench.now - before);
            }
        }
    }
    println!("at most {:.1} s", longest as f64 / 1e6);
    assert!(longest < 60_000_000, "{longest}");
}

#[test]
fn an_unusual_board_is_never_believed_to_hold_more_than_it_does() {
    for (ring, queue) in [(90, 3), (120, 5), (129, 16), (200, 1), (300, 6), (511, 9), (700, 20), (3_000, 12)]
    {
        for face in [Face::Marlin21, Face::Marlin20, Face::Smoothieware] {
            for latency_us in [0, 16_000] {
                let mut config = rig(face, 115_200, ring, queue);
                config.wire.to_host.latency_us = latency_us;
                let mut bench = Bench::new(config);
                assert!(bench.greeted());
                let recommended = bench.probe().and_then(|findings| findings.recommended).expect("sizes");
                assert!(
                    recommended.rx_buffer <= ring && recommended.rx_buffer * 2 > ring,
                    "{ring}: {recommended:?}"
                );
                assert!(recommended.command_buffer < queue, "{queue}: {recommended:?}");
                bench.assert_harmless();
            }
        }
    }
}

#[test]
fn a_board_that_loses_nothing_is_given_enough_and_told_why() {
    for face in [Face::Marlin21, Face::Smoothieware] {
        let mut config = rig(face, 0, 256, 8);
        // What is on its way would not be counted by the board's flow control.
        config.wire.to_device.latency_us = 0;
        let mut bench = Bench::new(config);
        assert!(bench.greeted());
        let findings = bench.probe().expect("findings");
        assert!(matches!(findings.found, Found::NeverFull { bytes } if bytes >= 8_192), "{findings:?}");
        assert_eq!(findings.recommended.map(|words| words.rx_buffer), Some(1_024));
        assert!(findings.in_words().contains("native USB"), "{}", findings.in_words());
        bench.assert_harmless();
    }
}

#[test]
fn a_firmware_that_refuses_nothing_is_left_alone() {
    for face in [Face::RepRapFirmware, Face::Klipper] {
        let mut bench = Bench::new(RigConfig::new(face, 115_200, 1_000, 1));
        assert!(bench.greeted());
        let findings = bench.probe().expect("findings");
        assert_eq!(findings.found, Found::Nothing(Hindrance::NoRefusals));
        assert_eq!(findings.recommended, Some(Recommended { rx_buffer: 128, command_buffer: 0 }));
        assert_eq!(findings.bursts, 0);
    }
}

#[test]
fn noise_never_makes_a_board_larger_than_it_is() {
    let (mut exact, mut smaller, mut nothing, mut never) = (0, 0, 0, 0);
    for seed in 0..200 {
        let face = FACES[seed as usize % FACES.len()];
        let (ring, queue) = [(64, 4), (128, 4), (128, 8), (256, 8), (1_024, 32)][seed as usize % 5];
        let mut config = rig(face, 115_200, ring, queue);
        config.wire = config.wire.with_damage(1e-3);
        config.seed = seed;
        let truth = Recommended { rx_buffer: ring, command_buffer: slots(&config) };
        let mut bench = Bench::new(config);
        if !bench.greeted() {
            never += 1;
            continue;
        }
        match bench.probe().and_then(|findings| findings.recommended) {
            Some(found) if found == truth => exact += 1,
            Some(found) => {
                let most = (truth.rx_buffer, truth.command_buffer);
                assert!(
                    found.rx_buffer <= most.0 && found.command_buffer <= most.1,
                    "seed {seed}, {face:?}: {found:?} of {truth:?}"
                );
                smaller += 1;
            }
            None => nothing += 1,
        }
        bench.assert_still();
    }
    println!("{exact} exact, {smaller} smaller, {nothing} too noisy, {never} never greeted");
    assert!(exact > 0 && nothing > 0, "the noise tests nothing: {exact} exact, {nothing} too noisy");
}

#[test]
fn a_little_noise_costs_time_and_no_exactness() {
    for seed in 0..30 {
        let mut config = rig(Face::Marlin20, 115_200, 128, 4);
        config.wire = config.wire.with_damage(1e-4);
        config.seed = seed;
        let mut bench = Bench::new(config);
        assert!(bench.greeted());
        let findings = bench.probe().expect("findings");
        let truth = Recommended { rx_buffer: 128, command_buffer: 3 };
        assert_eq!(findings.recommended, Some(truth), "seed {seed}: {findings:?}");
    }
}

#[test]
fn a_board_that_begins_anew_in_the_middle_is_not_measured() {
    for millis in [50, 700, 2_000, 5_000] {
        let mut bench = Bench::new(rig(Face::Marlin21, 115_200, 128, 4));
        assert!(bench.greeted());
        bench.session.probe(Moment(bench.now)).unwrap();
        bench.flush();
        let at = bench.now + millis * 1_000;
        bench.run(20, |bench| bench.now >= at || bench.findings().is_some());
        bench.rig.inject(bench.now, &Fault::Reset { cause: ResetCause::External });
        bench.run(200, |bench| bench.findings().is_some());
        let findings = bench.findings().expect("findings");
        assert_eq!((findings.found, findings.recommended), (Found::Nothing(Hindrance::Restarted), None));
        assert!(bench.run(60, |bench| bench.session.is_ready()));
        bench.assert_still();
    }
}

#[test]
fn no_other_fault_makes_a_board_larger_than_it_is() {
    let mut outcomes = [0; 3];
    for seed in 0..120 {
        let face = FACES[seed as usize % FACES.len()];
        let mut config = rig(face, 115_200, 128, 4);
        config.seed = seed;
        let lanes = [&mut config.wire.to_device, &mut config.wire.to_host];
        for lane in lanes {
            match seed / 6 % 5 {
                0 => lane.loss = 5e-4,
                1 => lane.splice = 3e-3,
                2 => lane.duplicate = 3e-3,
                3 => (lane.stall, lane.stall_us) = (5e-3, 300_000),
                _ => {}
            }
        }
        match seed / 6 % 5 {
            0 => config.firmware.loop_interval_us = 1_000,
            1 => config.firmware.transmit_byte_ns = 86_800,
            2 => config.mix.lose_every_ok = 40,
            3 => config.mix.duplicate_every_ok = 40,
            _ => config.mix.display_every_us = 2_000_000,
        }
        let truth = Recommended { rx_buffer: 128, command_buffer: slots(&config) };
        let mut bench = Bench::new(config);
        if !bench.greeted() {
            continue;
        }
        let found = bench.probe().and_then(|findings| findings.recommended);
        if let Some(found) = found {
            let most = (truth.rx_buffer, truth.command_buffer);
            assert!(
                found.rx_buffer <= most.0 && found.command_buffer <= most.1,
                "seed {seed}, {face:?}: {found:?}"
            );
        }
        outcomes[if found == Some(truth) {
            0
        } else if found.is_some() {
            1
        } else {
            2
        }] += 1;
        bench.assert_still();
    }
    println!("exact, smaller, nothing: {outcomes:?}");
}
