//! A ChiTu board on its cable in virtual time, with what goes wrong and when; made for tests, driven by a pty too.
//!
//! Time moves only by [`Rig::advance`] and its kin. What happens at one moment happens in one order: scripted
//! faults, bytes to the board, the board's own work, its bytes to the host.

use super::board::Board;
use super::faults::{Fault, FaultScript, TimedFault};
use super::ledger::Ledger;
use super::profile::Profile;
use super::stick::Stick;
use crate::faults::Direction;
use crate::random::Random;
use crate::wire::{Lane, WireConfig};

/// A board, its stick, its cable and its bad luck.
#[derive(Debug, Clone, PartialEq)]
pub struct RigConfig {
    pub profile: Profile,
    pub stick: Stick,
    pub wire: WireConfig,
    pub script: FaultScript,
    /// All chance comes from here.
    pub seed: u64,
}

impl RigConfig {
    /// A healthy board with this stick, on a clean cable of 115200 baud.
    pub fn new(profile: Profile, stick: Stick) -> Self {
        Self { profile, stick, wire: WireConfig::clean(115_200, 0), script: FaultScript::default(), seed: 1 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Closed,
    Open,
    Unplugged,
}

/// The whole, at work.
#[derive(Debug, Clone)]
pub struct Rig {
    board: Board,
    to_device: Lane,
    to_host: Lane,
    /// Last first.
    script: Vec<TimedFault>,
    port: Port,
    now_us: u64,
}

impl Rig {
    /// A board that is on; its port is closed. See [`Self::open_port`].
    pub fn new(config: RigConfig) -> Self {
        let RigConfig { profile, stick, wire, mut script, seed } = config;
        script.faults.reverse();
        script.faults.sort_by_key(|fault| std::cmp::Reverse(fault.at_us));
        Self {
            board: Board::new(profile, stick),
            to_device: Lane::new(wire.to_device, Random::fork(seed, "to device")),
            to_host: Lane::new(wire.to_host, Random::fork(seed, "to host")),
            script: script.faults,
            port: Port::Closed,
            now_us: 0,
        }
    }

    /// The time that it has reached, µs.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// The board.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The board, for hands and bad luck. Call [`Self::advance`] first.
    pub fn board_mut(&mut self) -> &mut Board {
        &mut self.board
    }

    /// What the board has really done.
    pub fn ledger(&self) -> &Ledger {
        self.board.ledger()
    }

    /// Whether the cable is out.
    pub fn is_unplugged(&self) -> bool {
        self.port == Port::Unplugged
    }

    /// Whether the host has the port open.
    pub fn is_open(&self) -> bool {
        self.port == Port::Open
    }

    // The host's side.

    /// The host opens the port; the board does not notice.
    pub fn open_port(&mut self, now_us: u64) {
        self.advance(now_us);
        if self.port == Port::Closed {
            self.port = Port::Open;
            self.to_device.cut(now_us);
            self.to_host.cut(now_us);
        }
    }

    /// The host closes the port. What it has written still arrives; what the board says is lost.
    pub fn close_port(&mut self, now_us: u64) {
        self.advance(now_us);
        if self.port == Port::Open {
            self.port = Port::Closed;
            self.to_host.cut(now_us);
        }
    }

    /// The host writes. Bytes written to a closed port are lost.
    pub fn host_write(&mut self, now_us: u64, bytes: &[u8]) {
        self.advance(now_us);
        if self.port == Port::Open {
            self.to_device.send(now_us, bytes);
            self.step(now_us);
        }
    }

    /// What has reached the host by now.
    pub fn host_read(&mut self, now_us: u64) -> Vec<u8> {
        self.advance(now_us);
        let bytes = self.to_host.poll_deliver(now_us).map_or_else(Vec::new, |(_, bytes)| bytes);
        if self.port == Port::Open { bytes } else { Vec::new() }
    }

    /// Something happens now.
    pub fn inject(&mut self, now_us: u64, fault: &Fault) {
        self.advance(now_us);
        self.afflict(now_us, fault);
        self.settle(now_us);
    }

    // Time.

    /// When anything happens next, in the board or at the host's end, µs.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.next_event().into_iter().chain(self.to_host.poll_timeout()).min()
    }

    /// Lets time pass up to `to_us`, through everything that happens meanwhile.
    pub fn advance(&mut self, to_us: u64) {
        while let Some(event_us) = self.next_event().filter(|event_us| *event_us <= to_us) {
            self.step(event_us.max(self.now_us));
        }
        self.now_us = self.now_us.max(to_us);
    }

    /// Lets time pass until a line or a chunk reaches the host, at most up to `to_us`; gives the time reached.
    pub fn run_until_output(&mut self, to_us: u64) -> u64 {
        loop {
            let event = self.next_event();
            let output = self.to_host.poll_timeout();
            if let Some(output_us) =
                output.filter(|output_us| *output_us <= event.unwrap_or(u64::MAX).min(to_us))
            {
                self.now_us = self.now_us.max(output_us);
                return self.now_us;
            }
            match event {
                Some(event_us) if event_us <= to_us => self.step(event_us.max(self.now_us)),
                _ => {
                    self.now_us = self.now_us.max(to_us);
                    return self.now_us;
                }
            }
        }
    }

    fn next_event(&self) -> Option<u64> {
        let script = self.script.last().map(|fault| fault.at_us);
        [script, self.to_device.poll_timeout(), self.board.poll_timeout()].into_iter().flatten().min()
    }

    fn step(&mut self, now_us: u64) {
        self.now_us = now_us;
        while let Some(fault) = self.script.pop_if(|fault| fault.at_us <= now_us) {
            self.afflict(now_us, &fault.fault);
        }
        if let Some((_, bytes)) = self.to_device.poll_deliver(now_us) {
            self.board.handle_bytes(now_us, &bytes);
        }
        self.board.handle_timeout(now_us);
        self.settle(now_us);
    }

    /// Puts what the board has to say on the cable, or drops it if nobody is there.
    fn settle(&mut self, now_us: u64) {
        while let Some(bytes) = self.board.poll_transmit(now_us) {
            if self.port == Port::Open {
                self.to_host.send(now_us, &bytes);
            }
        }
    }

    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::ToDevice => &mut self.to_device,
            Direction::ToHost => &mut self.to_host,
        }
    }

    fn afflict(&mut self, now_us: u64, fault: &Fault) {
        let board = &mut self.board;
        match fault {
            Fault::Garbage { bytes } => board.emit(now_us, bytes),
            Fault::NulRun { count } => board.emit(now_us, &vec![0; usize::from(*count)]),
            Fault::LoseNextReplies { count } => board.lose_next_replies(*count),
            Fault::SplitReplies { gap_us } => board.split_replies(*gap_us),
            Fault::SlowReplies { delay_us } => board.delay_replies(*delay_us),
            Fault::FalseOks { count } => board.answer_false_oks(*count),
            Fault::Silence { for_us } => board.silence(now_us, *for_us),
            Fault::Wedge => board.wedge(),
            Fault::PowerLoss => board.cut_power(now_us),
            Fault::PowerOn => board.restore_power(now_us),
            Fault::RemoveStick => board.remove_stick(),
            Fault::InsertStick => board.insert_stick(),
            Fault::SwapStick { directory } => board.swap_stick(Stick::directory(directory)),
            Fault::FailStick => board.fail_stick(),
            // What the panel cannot do, it does not.
            Fault::PanelCancel => drop(board.panel_cancel(now_us)),
            Fault::PanelPause => drop(board.panel_pause(now_us)),
            Fault::PanelResume => drop(board.panel_resume(now_us)),
            Fault::PanelStart { file } => drop(board.panel_start(now_us, file)),
            Fault::Noise { direction, loss, damage } => self.lane(*direction).set_noise(*loss, *damage),
            Fault::DamageByte { direction, nth } => self.lane(*direction).damage_byte(*nth),
            Fault::LoseByte { direction, nth } => self.lane(*direction).lose_byte(*nth),
            Fault::Disconnect => {
                self.port = Port::Unplugged;
                self.to_device.cut(now_us);
                self.to_host.cut(now_us);
            }
            Fault::Reconnect if self.port == Port::Unplugged => self.port = Port::Closed,
            Fault::Reconnect => {}
        }
    }
}
