//! What an operator may say about a simulated printer, on the command line and in a farm's TOML file alike.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::faults::FaultScript;
use crate::msla::MslaOptions;
use crate::planner::Motion;
use crate::pty::PrinterConfig;
use crate::quirks::Face;
use crate::rig::RigConfig;

/// One FDM printer; everything that is not said is the face's own.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrinterOptions {
    /// Name in the statistics.
    #[arg(long)]
    pub name: Option<String>,
    /// Symbolic link to the tty.
    #[arg(long, value_name = "PATH")]
    pub link: Option<PathBuf>,
    /// Bits a second; 0 is native USB with flow control (default 115200; klipper has none).
    #[arg(long, value_name = "N")]
    pub baud: Option<u32>,
    /// Latency of the cable in each direction, µs (default 0).
    #[arg(long, value_name = "N")]
    pub latency_us: Option<u64>,
    /// Latency timer of the serial chip on the way to the host, µs (default 0).
    #[arg(long, value_name = "N")]
    pub latency_timer_us: Option<u64>,
    /// marlin-2.1, marlin-2.0, marlin-1.1, prusa-mk3, repetier, smoothieware, reprapfirmware or klipper
    /// (default marlin-2.1).
    #[arg(long)]
    pub face: Option<Face>,
    /// `ok N12 P15 B3` or plain `ok`.
    #[arg(long, value_name = "BOOL")]
    pub advanced_ok: Option<bool>,
    /// Whether M112 and its kin act when they arrive.
    #[arg(long, value_name = "BOOL")]
    pub emergency_parser: Option<bool>,
    /// Whether the `ok` after a resend request is missing, as in old firmware of Prusa's MK2.
    #[arg(long, value_name = "BOOL")]
    pub resend_without_ok: Option<bool>,
    /// `ok 12` or plain `ok` (Repetier).
    #[arg(long, value_name = "BOOL")]
    pub ack_with_line_number: Option<bool>,
    /// An idle board says `wait` so often, µs; 0 never.
    #[arg(long, value_name = "N")]
    pub wait_every_us: Option<u64>,
    /// Whether bytes lost in the receive ring are told.
    #[arg(long, value_name = "BOOL")]
    pub reports_overrun: Option<bool>,
    /// Whether an empty line gets an `ok`.
    #[arg(long, value_name = "BOOL")]
    pub empty_line_ok: Option<bool>,
    /// Whether a line without a checksum is dropped (RepRapFirmware).
    #[arg(long, value_name = "BOOL")]
    pub checksum_required: Option<bool>,
    /// Whether a halted Smoothieware answers as Grbl does.
    #[arg(long, value_name = "BOOL")]
    pub grbl_mode: Option<bool>,
    /// Whether packed characters are understood (Marlin; default false).
    #[arg(long, value_name = "BOOL")]
    pub meatpack: Option<bool>,
    /// instant or real (default real).
    #[arg(long, value_parser = motion)]
    pub motion: Option<Motion>,
    /// Virtual seconds in a second (default 1). platen has to know it, or it takes the heat for a fault:
    /// `simulated_speed` in the printer's section.
    #[arg(long, value_name = "X")]
    pub speed: Option<f64>,
    /// Probability that a byte is changed, in both directions (default 0).
    #[arg(long, value_name = "P")]
    pub damage: Option<f64>,
    /// Probability that a byte is lost, in both directions (default 0).
    #[arg(long, value_name = "P")]
    pub loss: Option<f64>,
    /// Share of `ok` lines that are swallowed: every 1/P-th (default 0).
    #[arg(long, value_name = "P")]
    pub lose_ok: Option<f64>,
    /// Probability that a line runs into the next one, in both directions (default 0).
    #[arg(long, value_name = "P")]
    pub splice: Option<f64>,
    /// Probability that a line arrives twice, in both directions (default 0).
    #[arg(long, value_name = "P")]
    pub duplicate: Option<f64>,
    /// A display on the bus asks or says something every so many µs in the mean (default 0: there is none).
    #[arg(long, value_name = "N")]
    pub display_every_us: Option<u64>,
    /// Size of the receive ring, bytes (default 128).
    #[arg(long, value_name = "N")]
    pub rx_buffer: Option<usize>,
    /// Command slots (default 4).
    #[arg(long, value_name = "N")]
    pub command_buffer: Option<usize>,
    /// One turn of the firmware's main loop, µs (default 100).
    #[arg(long, value_name = "N")]
    pub loop_interval_us: Option<u64>,
    /// Whether the board is held while it sends, as 8-bit boards are (default false).
    #[arg(long, value_name = "BOOL")]
    pub blocking_transmit: Option<bool>,
    /// Seed of all chance (default 1).
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Whether opening the port restarts the board (default false). A job on such a board does not outlive the
    /// end of its host.
    #[arg(long, value_name = "BOOL")]
    pub reset_on_open: Option<bool>,
    /// Heat time per time (default 1).
    #[arg(long, value_name = "X")]
    pub heat_scale: Option<f64>,
    /// How long homing takes, µs.
    #[arg(long, value_name = "N")]
    pub home_us: Option<u64>,
    /// MACHINE_TYPE in the reply to M115.
    #[arg(long)]
    pub machine_type: Option<String>,
    /// UUID in the reply to M115.
    #[arg(long)]
    pub uuid: Option<String>,
    /// Write every executed command here at the end.
    #[arg(long, value_name = "PATH")]
    pub record: Option<PathBuf>,
    /// TOML file of `[[fault]]` tables: what goes wrong, and when. hw-sim/README.md has every kind.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// It is a resin printer; a table of its own in a farm's file, and `hw-sim msla` on the command line.
    #[arg(skip)]
    pub msla: Option<MslaOptions>,
}

impl PrinterOptions {
    /// The printer that is meant.
    pub fn build(&self, index: usize, farm_speed: f64) -> io::Result<PrinterConfig> {
        let resin = self.msla.as_ref().map(|msla| msla.firmware(self.face));
        let face = resin.as_ref().map(|firmware| firmware.face).or(self.face).unwrap_or(Face::Marlin21);
        let seed = self.seed.unwrap_or(1 + index as u64);
        let baud = face.baud(self.baud.unwrap_or(115_200));
        let mut rig = RigConfig::new(face, baud, self.latency_us.unwrap_or(0), seed);
        if let Some(resin) = resin {
            rig.firmware = resin;
        }
        let firmware = &mut rig.firmware;
        set(&mut firmware.advanced_ok, self.advanced_ok);
        set(&mut firmware.emergency_parser, self.emergency_parser);
        set(&mut firmware.resend_without_ok, self.resend_without_ok);
        set(&mut firmware.ack_with_line_number, self.ack_with_line_number);
        set(&mut firmware.wait_every_us, self.wait_every_us);
        set(&mut firmware.reports_overrun, self.reports_overrun);
        set(&mut firmware.empty_line_ok, self.empty_line_ok);
        set(&mut firmware.checksum_required, self.checksum_required);
        set(&mut firmware.grbl_mode, self.grbl_mode);
        set(&mut firmware.meatpack, self.meatpack);
        set(&mut firmware.rx_buffer, self.rx_buffer);
        set(&mut firmware.command_buffer, self.command_buffer);
        set(&mut firmware.loop_interval_us, self.loop_interval_us);
        if self.blocking_transmit == Some(true) {
            firmware.transmit_byte_ns = 10_000_000_000u64.checked_div(u64::from(baud)).unwrap_or(0);
        }
        set(&mut firmware.reset_on_open, self.reset_on_open);
        set(&mut firmware.heat_time_scale, self.heat_scale);
        set(&mut firmware.motion, self.motion);
        if firmware.motion == Motion::Instant {
            firmware.home_us = 0;
        }
        set(&mut firmware.home_us, self.home_us);
        set(&mut firmware.machine_type, self.machine_type.clone());
        // Two printers of one farm must not look like one.
        firmware.uuid = self.uuid.clone().unwrap_or_else(|| format!("cede2a2f-41a2-4748-9b12-{seed:012x}"));
        rig.wire = rig.wire.with_damage(self.damage.unwrap_or(0.0));
        rig.wire.to_device.loss = self.loss.unwrap_or(0.0);
        rig.wire.to_host.loss = self.loss.unwrap_or(0.0);
        rig.wire.to_host.latency_timer_us = self.latency_timer_us.unwrap_or(0);
        for lane in [&mut rig.wire.to_device, &mut rig.wire.to_host] {
            lane.splice = self.splice.unwrap_or(0.0);
            lane.duplicate = self.duplicate.unwrap_or(0.0);
        }
        rig.mix.display_every_us = self.display_every_us.unwrap_or(0);
        rig.mix.lose_every_ok = self.lose_ok.map_or(0, every);
        if let Some(path) = &self.faults {
            rig.script = FaultScript::from_toml(&read(path)?).map_err(|error| wrong(path, &error))?;
        }
        let name = self.name.clone().unwrap_or_else(|| format!("printer-{}", index + 1));
        let speed = self.speed.unwrap_or(farm_speed).max(1e-3);
        rig.firmware.record_lines = self.record.is_some();
        Ok(PrinterConfig { name, rig, link: self.link.clone(), speed, record: self.record.clone() })
    }
}

/// A farm: `speed`, `statistics` and any number of `[[printer]]` tables.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FarmFile {
    /// Speed of every printer that does not say its own.
    pub speed: Option<f64>,
    /// Where to write the statistics at the end, besides standard output.
    pub statistics: Option<PathBuf>,
    /// The printers.
    pub printer: Vec<PrinterOptions>,
}

impl FarmFile {
    /// Reads a farm's file.
    pub fn read(path: &Path) -> io::Result<Self> {
        toml::from_str(&read(path)?).map_err(|error| wrong(path, &error))
    }

    /// The printers that are meant.
    pub fn build(&self) -> io::Result<Vec<PrinterConfig>> {
        let speed = self.speed.unwrap_or(1.0);
        self.printer.iter().enumerate().map(|(index, printer)| printer.build(index, speed)).collect()
    }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; a share of 0 is none")]
fn every(share: f64) -> u32 {
    if share > 0.0 { (1.0 / share).round() as u32 } else { 0 }
}

fn motion(name: &str) -> Result<Motion, String> {
    match name {
        "instant" => Ok(Motion::Instant),
        "real" => Ok(Motion::Real),
        _ => Err("use instant or real".to_owned()),
    }
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn wrong(path: &Path, error: &toml::de::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str) -> RigConfig {
        let farm: FarmFile = toml::from_str(&format!("[[printer]]\n{text}")).expect("a farm");
        farm.build().expect("a printer").remove(0).rig
    }

    #[test]
    fn every_switch_of_a_firmware_reaches_it() {
        for (name, face) in Face::NAMED {
            let rig = built(&format!("face = \"{name}\""));
            assert_eq!((rig.firmware.face, rig.wire.to_device.baud), (face, face.baud(115_200)));
            assert!(!rig.firmware.resend_without_ok, "{name}");
        }
        let firmware = built(
            "face = \"repetier\"\nresend_without_ok = true\nack_with_line_number = false\nwait_every_us = 7\n\
             reports_overrun = true\nempty_line_ok = true\nchecksum_required = true\ngrbl_mode = true\nmeatpack = true",
        )
        .firmware;
        let expected = crate::quirks::FirmwareConfig {
            uuid: firmware.uuid.clone(),
            resend_without_ok: true,
            ack_with_line_number: false,
            wait_every_us: 7,
            reports_overrun: true,
            empty_line_ok: true,
            checksum_required: true,
            grbl_mode: true,
            meatpack: true,
            ..crate::quirks::FirmwareConfig::face(Face::Repetier)
        };
        assert_eq!(firmware, expected);
    }

    #[test]
    fn every_fault_of_lines_reaches_the_rig() {
        let rig = built("splice = 0.25\nduplicate = 0.5\ndisplay_every_us = 9");
        for lane in [rig.wire.to_device, rig.wire.to_host] {
            assert_eq!((lane.splice, lane.duplicate), (0.25, 0.5));
        }
        assert_eq!(rig.mix.display_every_us, 9);
        assert_eq!(built("seed = 1").mix, crate::faults::FaultMix::default());
    }
}
