//! A printer on its cable in virtual time: everything a test needs, and what a pty is driven by.
//!
//! Time moves only by [`Rig::advance`] and its kin. Whatever happens at one moment happens in one order:
//! scripted faults, the display, bytes to the board, the board's own work, its bytes to the host. Same configuration, same
//! seed, same inputs: same trace.

use serde::{Deserialize, Serialize};

use crate::display::Display;
use crate::faults::{Direction, Fault, FaultMix, FaultScript, TimedFault};
use crate::firmware::Firmware;
use crate::heater::HeaterId;
use crate::ledger::{Ledger, SegmentSummary, Totals};
use crate::msla::{Frame, MaskLedger, MslaReport};
use crate::quirks::{Face, FirmwareConfig, ResetCause};
use crate::random::Random;
use crate::wire::{Lane, LaneCount, WireConfig};

/// A printer, its cable and its bad luck.
#[derive(Debug, Clone, PartialEq)]
pub struct RigConfig {
    /// The board.
    pub firmware: FirmwareConfig,
    /// The cable.
    pub wire: WireConfig,
    /// Noise, added to the cable's own.
    pub mix: FaultMix,
    /// What happens when.
    pub script: FaultScript,
    /// All chance comes from here.
    pub seed: u64,
}

impl RigConfig {
    /// A healthy printer of this face on a clean cable.
    pub fn new(face: Face, baud: u32, latency_us: u64, seed: u64) -> Self {
        Self {
            firmware: FirmwareConfig::face(face),
            wire: WireConfig::clean(face.baud(baud), latency_us),
            mix: FaultMix::default(),
            script: FaultScript::default(),
            seed,
        }
    }
}

/// Whether host and board can hear each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// Nobody has it open.
    Closed,
    Open,
    /// The cable is out.
    Unplugged,
}

/// What a printer has to say for itself at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Whose these are.
    pub name: String,
    /// The seed of its chance.
    pub seed: u64,
    /// Hash of everything executed, whatever its segments.
    pub stream_hash: String,
    /// Commands in it.
    pub commands: u64,
    /// One entry for each `M110` that was followed by anything, and for what came before the first.
    pub segments: Vec<SegmentSummary>,
    /// Sums.
    pub totals: Totals,
    /// What the cable carried to the board.
    pub to_device: LaneCount,
    /// What the cable carried to the host.
    pub to_host: LaneCount,
    /// Virtual time, seconds.
    pub seconds: f64,
    /// Whether nothing is queued, waited for or moving.
    pub idle: bool,
    /// What nozzle and plate are to be heated to, °C; 0 is off.
    pub targets: [f64; 2],
    /// Light, masks and plate, if it is a resin printer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msla: Option<MslaReport>,
}

/// The whole, at work.
#[derive(Debug, Clone)]
pub struct Rig {
    firmware: Firmware,
    to_device: Lane,
    to_host: Lane,
    script: Vec<TimedFault>,
    display: Option<Display>,
    port: Port,
    dtr: bool,
    now_us: u64,
    seed: u64,
}

impl Rig {
    /// A printer that is on; its port is closed. See [`Self::open_port`].
    pub fn new(config: RigConfig) -> Self {
        let RigConfig { firmware, mut wire, mix, mut script, seed } = config;
        // Deliveries in bulk must not overflow a ring that the main loop would have emptied in between.
        wire.to_device.chunk_bytes = wire.to_device.chunk_bytes.min(firmware.rx_buffer / 4).max(1);
        wire.to_device.damage += mix.damage_to_device;
        wire.to_device.loss += mix.loss_to_device;
        wire.to_host.damage += mix.damage_to_host;
        wire.to_host.loss += mix.loss_to_host;
        wire.to_device.splice += mix.splice_to_device;
        wire.to_device.duplicate += mix.duplicate_to_device;
        wire.to_host.splice += mix.splice_to_host;
        wire.to_host.duplicate += mix.duplicate_to_host;
        for lane in [&mut wire.to_device, &mut wire.to_host] {
            lane.stall += mix.stall;
            lane.stall_us = lane.stall_us.max(mix.stall_us);
        }
        // Last first, so that the next one can be popped; stable, so equal times keep their order.
        script.faults.reverse();
        script.faults.sort_by_key(|fault| std::cmp::Reverse(fault.at_us));
        let mut firmware = Firmware::new(firmware, seed);
        firmware.lose_every_ok(Some(mix.lose_every_ok));
        firmware.duplicate_every_ok(Some(mix.duplicate_every_ok));
        firmware.delay_replies(mix.reply_delay_us);
        Self {
            firmware,
            to_device: Lane::new(wire.to_device, Random::fork(seed, "to device")),
            to_host: Lane::new(wire.to_host, Random::fork(seed, "to host")),
            script: script.faults,
            display: Display::new(0, mix.display_every_us, Random::fork(seed, "display")),
            port: Port::Closed,
            dtr: true,
            now_us: 0,
            seed,
        }
    }

    // Getters.

    /// Whether the cable is out.
    pub fn is_unplugged(&self) -> bool {
        self.port == Port::Unplugged
    }

    /// The time that it has reached, µs.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// The board.
    pub fn firmware(&self) -> &Firmware {
        &self.firmware
    }

    /// The board, for faults that [`Fault`] has no word for. Call [`Self::advance`] first.
    pub fn firmware_mut(&mut self) -> &mut Firmware {
        &mut self.firmware
    }

    /// What the board has really done.
    pub fn ledger(&self) -> &Ledger {
        self.firmware.ledger()
    }

    /// Bytes that the host has written and the line has not yet carried.
    pub fn queued_bytes(&self) -> u64 {
        self.to_device.queued_bytes(self.now_us)
    }

    /// The bytes that have not reached the board yet, each with the time at which it will, µs.
    pub fn on_the_way(&self) -> impl Iterator<Item = (u64, u8)> {
        self.to_device.on_the_way()
    }

    /// The host throws away what it has written and the line has not yet carried.
    pub fn discard_output(&mut self) {
        self.to_device.discard_queued(self.now_us);
    }

    /// Whether the cable is in.
    pub fn is_plugged(&self) -> bool {
        self.port != Port::Unplugged
    }

    /// Whether the host has the port open.
    pub fn is_open(&self) -> bool {
        self.port == Port::Open
    }

    /// The time of one byte to the board, ns.
    pub fn byte_ns(&self) -> u64 {
        self.to_device.byte_ns()
    }

    /// Everything to be reported about this printer.
    pub fn statistics(&self, name: &str) -> Statistics {
        let ledger = self.ledger();
        let whole = ledger.stream_hash();
        let was_used = |segment: &&crate::ledger::Segment| {
            segment.commands() + segment.housekeeping + segment.strays + segment.unknown > 0
        };
        Statistics {
            name: name.to_owned(),
            seed: self.seed,
            stream_hash: whole.hash_hex,
            commands: whole.commands,
            segments: ledger
                .segments()
                .iter()
                .filter(was_used)
                .map(crate::ledger::Segment::summary)
                .collect(),
            totals: ledger.totals.clone(),
            to_device: self.to_device.count(),
            to_host: self.to_host.count(),
            seconds: self.now_us as f64 / 1e6,
            idle: self.firmware.is_idle(),
            targets: [HeaterId::Hotend, HeaterId::Bed].map(|id| self.firmware.heater(id).target()),
            msla: self.firmware.msla_report(self.now_us),
        }
    }

    // The host's side.

    /// The host opens the port: boards with a serial chip restart.
    pub fn open_port(&mut self, now_us: u64) {
        self.advance(now_us);
        if self.port != Port::Closed {
            return;
        }
        self.port = Port::Open;
        self.to_device.cut(now_us);
        self.to_host.cut(now_us);
        if self.firmware.config().reset_on_open {
            self.firmware.reset(now_us, ResetCause::External);
            self.settle(now_us);
        }
    }

    /// The host moves DTR: where that line is wired to the reset, the board restarts when it goes up.
    pub fn set_dtr(&mut self, now_us: u64, up: bool) {
        self.advance(now_us);
        let was_up = std::mem::replace(&mut self.dtr, up);
        let rises = up && !was_up;
        if rises && self.port == Port::Open && self.firmware.config().reset_on_open {
            self.firmware.reset(now_us, ResetCause::External);
            self.settle(now_us);
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

    /// The host's display shows another frame from now on; nothing happens if it is no resin printer.
    pub fn show_mask(&mut self, now_us: u64, frame: Frame) {
        self.advance(now_us);
        self.firmware.show_mask(now_us, frame);
    }

    /// Light, masks and plate joined as of now, if it is a resin printer.
    pub fn msla_report(&self) -> Option<MslaReport> {
        self.firmware.msla_report(self.now_us)
    }

    /// The same, with the flips of a display in another process.
    pub fn msla_report_with(&self, masks: &MaskLedger) -> Option<MslaReport> {
        self.firmware.msla_report_with(masks, self.now_us)
    }

    /// A fault happens now.
    pub fn inject(&mut self, now_us: u64, fault: &Fault) {
        self.advance(now_us);
        self.afflict(now_us, fault);
        self.settle(now_us);
    }

    // Time.

    /// When anything happens next, in the board or at the host's end.
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
        let display = self.display.as_ref().map(Display::poll_timeout);
        let events = [script, display, self.to_device.poll_timeout(), self.firmware.poll_timeout()];
        events.into_iter().flatten().min()
    }

    fn step(&mut self, now_us: u64) {
        self.now_us = now_us;
        while let Some(fault) = self.script.pop_if(|fault| fault.at_us <= now_us) {
            self.afflict(now_us, &fault.fault);
        }
        if let Some(doing) = self.display.as_mut().and_then(|display| display.handle_timeout(now_us)) {
            self.firmware.hear_display(now_us, doing);
        }
        if let Some((_, bytes)) = self.to_device.poll_deliver(now_us) {
            self.firmware.handle_bytes(now_us, &bytes);
        }
        self.firmware.handle_timeout(now_us);
        self.settle(now_us);
    }

    /// Puts what the board has to say on the cable, or drops it if nobody is there.
    fn settle(&mut self, now_us: u64) {
        while let Some(bytes) = self.firmware.poll_transmit() {
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
        let firmware = &mut self.firmware;
        match fault {
            Fault::Reset { cause } => firmware.reset(now_us, *cause),
            Fault::Kill => firmware.kill(now_us),
            Fault::PowerCut => firmware.cut_power(now_us),
            Fault::Deaf { for_us } => firmware.make_deaf(now_us, *for_us),
            Fault::Hang { for_us } => firmware.hang(now_us, *for_us),
            Fault::SlowReplies { delay_us } => firmware.delay_replies(*delay_us),
            Fault::LoseNextOks { count } => firmware.lose_next_oks(*count),
            Fault::LoseEveryOk { every } => firmware.lose_every_ok(Some(*every)),
            Fault::DropReply { prefix, nth } => firmware.drop_reply(prefix, *nth),
            Fault::Garbage { bytes } => firmware.emit_garbage(now_us, bytes),
            Fault::Heater { heater, fault } => firmware.set_heater_fault(now_us, *heater, Some(*fault)),
            Fault::HeaterMended { heater } => firmware.set_heater_fault(now_us, *heater, None),
            Fault::Continue => firmware.press_continue(now_us),
            Fault::Runout => firmware.run_out(),
            Fault::Msla(fault) => firmware.afflict_msla(now_us, *fault),
            Fault::DamageByte { direction, nth } => self.lane(*direction).damage_byte(*nth),
            Fault::LoseByte { direction, nth } => self.lane(*direction).lose_byte(*nth),
            Fault::Noise { direction, loss, damage } => self.lane(*direction).set_noise(*loss, *damage),
            Fault::SpliceLine { direction, nth } => self.lane(*direction).splice_line(*nth),
            Fault::DuplicateLine { direction, nth } => self.lane(*direction).duplicate_line(*nth),
            Fault::DuplicateEveryOk { every } => firmware.duplicate_every_ok(Some(*every)),
            Fault::Display { every_us } => {
                self.display = Display::new(now_us, *every_us, Random::fork(self.seed, "display"));
            }
            Fault::Stall { direction, for_us } => self.lane(*direction).stall(now_us, *for_us),
            Fault::Disconnect => {
                self.port = Port::Unplugged;
                // The board has what came up to now, be it half a line.
                if let Some((_, bytes)) = self.to_device.poll_deliver(now_us) {
                    firmware.handle_bytes(now_us, &bytes);
                }
                self.to_device.cut(now_us);
                self.to_host.cut(now_us);
            }
            Fault::Reconnect if self.port == Port::Unplugged => self.port = Port::Closed,
            Fault::Reconnect => {}
        }
    }
}
