//! The demo's two resin printers: their boards, what people have done there before, and what was really printed.
//!
//! One is a plate and a light on a board, and a display that is a folder. The other prints a file by itself, from a stick
//! that is a folder. Both boards and their displays and sticks are by their own account, never by platen's.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use hw_sim::chitu::ledger::Ending;
use hw_sim::chitu::profile::{Preset, Profile};
use hw_sim::chitu::sample::{Sample as Writer, Sliced};
use hw_sim::chitu::stick::Stick;
use hw_sim::chitu::tty::{ChituConfig, ChituHandle, ChituPrinter};
use hw_sim::msla::{Dialect, HomeEnd, MslaConfig, PlannedLayer, Tolerance};
use hw_sim::pty::{Handle, Printer as SimulatedPrinter, PrinterConfig};
use hw_sim::rig::RigConfig;
use sha2::{Digest, Sha256};

use ::resin::file::{LIMITS, Mask, MaskAccess, Masks, ResinFile};
use ::resin::layer::LayerIndex;

use crate::cli::Failed;
use crate::config::{Config, Printer};
use crate::daemon::Daemon;
use crate::domain::day::Day;
use crate::domain::event::Actor;
use crate::domain::ids::{BootId, LotId, PrinterName, hex};
use crate::domain::lab::Request;
use crate::domain::quality::lot::{LotAbout, Step as LotStep};
use crate::domain::quality::{self, Change};
use crate::domain::resin;
use crate::domain::resin::outfit::Item;
use crate::domain::units::Microlitres;
use crate::io::clock::{Clock, entropy};
use crate::services::masks::LEDGER;

/// What both vats hold, as the files of the demo call it.
pub(super) const MATERIAL: &str = "clear resin";
const MSLA: &str = "msla-1";
const CHITU: &str = "chitu-1";
const SECTIONS: &str = include_str!("../../../config/demo/resin.toml");
/// Where `SECTIONS` has everything, and how fast its printers are.
const FOLDER: &str = "/tmp/platen-demo/";
const SPEED: &str = "simulated_speed = 20";
/// Times as fast as a real one: a board that prints by itself hears one command in a tenth of a second, whatever its own
/// clock says, and ends within half a second of it.
const CHITU_FASTEST: u16 = 60;
/// How far the demo's machine goes up, mm, as its section says too.
const MSLA_HEIGHT_MM: f64 = 60.0;
const POURED: Microlitres = Microlitres(80_000);

/// A file for resin and the printer that it is for.
pub(super) struct Sample {
    pub(super) part: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) truth: Truth,
}

/// What a print must be equal to.
pub(super) enum Truth {
    /// Layer by layer: height, mask and light.
    Masks(Vec<PlannedLayer>),
    /// The very bytes on the stick, and how many layers are in them.
    Stick { sha256: String, layers: usize },
}

impl Truth {
    pub(super) fn printer(&self) -> &'static str {
        match self {
            Self::Masks(_) => MSLA,
            Self::Stick { .. } => CHITU,
        }
    }
}

fn damaged(part: &str) -> impl Fn(::resin::file::FileError) -> Failed + '_ {
    move |error| Failed::Finding(format!("the demo's file {part} is damaged: {error}"))
}

/// What a file says, and its masks, from the plate up.
fn open(part: &str, bytes: &[u8]) -> Result<(ResinFile, Vec<Mask>), Failed> {
    let (said, mut open) = Masks::open(Cursor::new(bytes), &LIMITS).map_err(damaged(part))?;
    let mut masks = Vec::with_capacity(said.layers.len());
    for (layer, _) in (0..).zip(&said.layers) {
        let mut mask = Mask::default();
        open.layer(LayerIndex(layer), &mut mask).map_err(damaged(part))?;
        masks.push(mask);
    }
    Ok((said, masks))
}

/// One for each of the two printers.
pub(super) fn samples() -> Result<[Sample; 2], Failed> {
    let part = "aneurysm, hollow";
    let bytes = include_bytes!("../../../config/demo/aneurysm.sl1").to_vec();
    let (said, masks) = open(part, &bytes)?;
    let planned = said.layers.iter().zip(&masks).map(|(layer, mask)| PlannedLayer {
        z_um: layer.top.0,
        hash: hex(&Sha256::digest(&mask.grey)),
        lit_us: layer.exposure.0.saturating_mul(1_000),
    });
    let shown = Sample { truth: Truth::Masks(planned.collect()), part, bytes };

    let part = "vertebra, small";
    let (said, masks) = open(part, include_bytes!("../../../config/demo/vertebra.sl1"))?;
    let bytes = for_a_stick(&said, masks);
    let sha256 = hex(&Sha256::digest(&bytes));
    let carried = Sample { truth: Truth::Stick { sha256, layers: said.layers.len() }, part, bytes };
    Ok([shown, carried])
}

/// The same layers as a ChiTu board reads them.
#[expect(clippy::cast_possible_truncation, reason = "the format has no more digits")]
fn for_a_stick(said: &ResinFile, masks: Vec<Mask>) -> Vec<u8> {
    let resolution = match said.masks {
        MaskAccess::Readable { points: [columns, rows] } => (columns, rows),
        MaskAccess::Opaque { .. } => (0, 0),
    };
    let side = |points: u32, of: usize| said.point.map_or(0.0, |point| f64::from(points) * point[of] / 1e3);
    let millimetres = |length: ::resin::units::Micrometres| length.millimetres() as f32;
    let seconds =
        |layer: Option<&::resin::layer::Layer>| layer.map_or(0.0, |layer| layer.exposure.seconds() as f32);
    let writer = Writer {
        layer_height_mm: said.layer_height.map_or(0.0, millimetres),
        resolution,
        bed_mm: (side(resolution.0, 0) as f32, side(resolution.1, 1) as f32, 155.0),
        bottom_layers: 3,
        bottom_exposure_s: seconds(said.layers.first()),
        exposure_s: seconds(said.layers.last()),
        lift_mm: 4.0,
        lift_mm_min: 120.0,
        retract_mm_min: 180.0,
        machine: "DEMO".into(),
        ..Writer::default()
    };
    let sliced = said.layers.iter().zip(masks).map(|(layer, mask)| Sliced {
        z_mm: millimetres(layer.top),
        exposure_s: seconds(Some(layer)),
        grey: mask.grey,
    });
    writer.write_sliced(&sliced.collect::<Vec<_>>())
}

/// The two boards at work.
pub(super) struct Boards {
    msla: Handle,
    chitu: ChituHandle,
}

impl Boards {
    /// Board and loop have one clock, so that they run whole times as fast.
    pub(super) fn simulate(folder: &Path, speed: u16) -> Result<Self, Failed> {
        let wrong = |error: std::io::Error| {
            Failed::Finding(format!("the simulated resin printers do not start: {error}"))
        };
        let (masks, stick) = (folder.join("masks"), folder.join("stick"));
        for place in [&masks, &stick] {
            std::fs::create_dir_all(place).map_err(wrong)?;
        }
        let mut rig = RigConfig::msla(Dialect::Marlin, 115_200, 1_000, 101);
        rig.firmware.machine_type = "Simulated resin printer".into();
        rig.firmware.uuid = "00000000-0000-4000-8001-000000000001".into();
        rig.firmware.msla = Some(MslaConfig {
            home: HomeEnd::Top,
            z_max_mm: MSLA_HEIGHT_MM,
            start_z_mm: MSLA_HEIGHT_MM / 2.0,
            mask_ledger: Some(masks.join(LEDGER)),
            ..MslaConfig::dialect(Dialect::Marlin)
        });
        let link = |name: &str| Some(folder.join(format!("tty-{name}")));
        let msla =
            PrinterConfig { name: MSLA.into(), rig, link: link(MSLA), speed: f64::from(speed), record: None };
        // How close commands may come is in the board's time, and the demo's is another.
        let profile = Profile { emit_end_read: true, overrun_gap_ms: 0, ..Preset::Mars.profile() };
        let chitu = ChituConfig {
            name: CHITU.into(),
            rig: hw_sim::chitu::rig::RigConfig::new(profile, Stick::directory(stick)),
            link: link(CHITU),
            speed: f64::from(speed.min(CHITU_FASTEST)),
        };
        Ok(Self {
            msla: SimulatedPrinter::spawn(msla).map_err(wrong)?,
            chitu: ChituPrinter::spawn(chitu).map_err(wrong)?,
        })
    }

    pub(super) fn stop(self) {
        let _ = self.msla.stop();
        self.chitu.stop();
    }

    /// Whether the boards did that, by their own account; else what was otherwise.
    pub(super) fn executed(&self, truth: &Truth) -> Result<(), String> {
        match truth {
            Truth::Masks(planned) => self.lit(planned),
            Truth::Stick { sha256, layers } => self.read_off(sha256, *layers),
        }
    }

    fn lit(&self, planned: &[PlannedLayer]) -> Result<(), String> {
        let report = self.msla.statistics().ok().and_then(|statistics| statistics.msla);
        let report = report.ok_or("its board tells nothing")?;
        if let Some(error) = report.mask_error {
            return Err(error);
        }
        // A hundredth of the shortest light; heights are whole.
        let shortest = planned.iter().map(|layer| layer.lit_us).min().unwrap_or(0);
        let tolerance = Tolerance { z_um: 5, lit_us: shortest / 100 };
        if let Some(first) = report.part.differences(planned, tolerance).first() {
            return Err(format!("{first:?}"));
        }
        let flaw = report.exposures.iter().find_map(|exposure| exposure.flaws.first());
        match flaw {
            Some(flaw) => Err(format!("{flaw:?}")),
            None if report.lit => Err("its light is on".into()),
            None => Ok(()),
        }
    }

    fn read_off(&self, sha256: &str, layers: usize) -> Result<(), String> {
        let ledger = self.chitu.ledger();
        let [print] = &ledger.prints[..] else {
            return Err(format!("its board printed {} times", ledger.prints.len()));
        };
        if print.file_sha256 != sha256 {
            return Err("another file was on its stick".into());
        }
        if print.ending != Some(Ending::Finished) {
            return Err(format!("its board ended it by {:?}", print.ending));
        }
        let in_turn = (0..).zip(&print.exposures).all(|(layer, exposure)| exposure.layer == layer);
        if !in_turn || print.exposures.len() != layers {
            return Err(format!("its board lit {} times", print.exposures.len()));
        }
        match ledger.forbidden.first() {
            Some(forbidden) => Err(format!("its board was told {}", forbidden.command)),
            None => Ok(()),
        }
    }
}

/// What the configuration says of them.
pub(super) fn printers(folder: &Path, speed: u16) -> Result<Vec<Printer>, Failed> {
    let place: PathBuf = folder.join("");
    let text = SECTIONS.replace(FOLDER, &place.to_string_lossy());
    let text = text.replace(SPEED, &format!("simulated_speed = {speed}"));
    let config = Config::parse(&text).map_err(|mistakes| {
        let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        Failed::Finding(format!("the demo's resin printers: {}", mistakes.join("; ")))
    })?;
    Ok(config.printers)
}

/// A bottle is received and released, its resin is in both vats, and somebody has looked at both printers.
pub(super) async fn prepare(daemon: &Daemon) -> Result<(), Failed> {
    let wrong = |error: &dyn std::fmt::Display| Failed::Finding(format!("the demo's resin: {error}"));
    let by = "demo".to_owned();
    let lot = LotId::from_entropy(entropy());
    let today = Day::in_utc(Clock::start(BootId::from_entropy(entropy())).wall());
    let about = LotAbout {
        material: MATERIAL.parse().map_err(|error| wrong(&error))?,
        supplier_lot: "DEMO-1".parse().map_err(|error| wrong(&error))?,
        supplier: None,
        received: today,
        expires: today.after(365),
        open_days: None,
        certificate: None,
        milligrams: 1_000_000,
        density: Some(1_100),
    };
    let of_lot = |step: LotStep| {
        let change = Change::Lot { lot: lot.clone(), step };
        Request::Quality(Box::new(quality::Request { by: Some(by.clone()), change }))
    };
    let mut requests = vec![of_lot(LotStep::Received { about: Box::new(about) }), of_lot(LotStep::Released)];
    for name in [MSLA, CHITU] {
        let printer: PrinterName = name.parse().map_err(|error| wrong(&error))?;
        let (lot, by) = (lot.clone(), by.clone());
        let fill = resin::Request::FillVat { printer: printer.clone(), lot, poured: POURED, by: by.clone() };
        let look = resin::Request::DoChecklist { printer, items: Item::ALL.into(), by };
        requests.extend([fill, look].map(|request| Request::Resin(Box::new(request))));
    }
    for request in requests {
        let done = daemon.recorder.submit(request, Actor::Person(by.clone())).await;
        done.map_err(|error| wrong(&error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::resin::check::{Question, Severity, check, survey};
    use ::resin::file::Format;
    use ::resin::machine::Resin;

    #[test]
    fn both_files_fit_their_printers_and_nobody_has_to_accept_anything() {
        let printers = printers(Path::new("/tmp/elsewhere"), 7).unwrap();
        for (sample, format) in samples().unwrap().iter().zip([Format::Sl1, Format::Ctb]) {
            let printer = printers.iter().find(|one| one.name.as_str() == sample.truth.printer()).unwrap();
            assert_eq!(printer.heat.simulated_speed, 7);
            let (file, mut masks) = Masks::open(Cursor::new(&sample.bytes), &LIMITS).unwrap();
            assert_eq!(file.format, format);
            let pictures = survey(&mut masks, u32::try_from(file.layers.len()).unwrap()).unwrap();
            let machine = printer.resin.as_ref().unwrap().machine(printer.build.height);
            let found = check(&Question {
                file: &file,
                pictures: Some(&pictures),
                machine: &machine,
                resin: &Resin::default(),
                material: Some(MATERIAL),
                vat_now: Some(POURED.ml()),
                bytes: u64::try_from(sample.bytes.len()).ok(),
            });
            let asked: Vec<_> = found.iter().filter(|finding| finding.severity > Severity::Note).collect();
            assert!(asked.is_empty(), "{}: {asked:#?}", sample.part);
        }
    }

    #[test]
    fn what_is_written_for_a_stick_has_the_layers_and_the_masks_that_were_sliced() {
        let (sliced, masks) = open("", include_bytes!("../../../config/demo/vertebra.sl1")).unwrap();
        let [_, carried] = samples().unwrap();
        let (said, read) = open("", &carried.bytes).unwrap();
        let of = |file: &ResinFile| -> Vec<_> {
            file.layers.iter().map(|layer| (layer.top, layer.exposure)).collect()
        };
        assert_eq!(of(&said), of(&sliced));
        assert_eq!(said.mirrored, sliced.mirrored);
        // Its numbers have seven digits, and its pictures seven bits.
        let nanometres = |file: &ResinFile| file.point.map(|point| point.map(|side| (side * 1e3).round()));
        assert_eq!(nanometres(&said), nanometres(&sliced));
        for (read, sliced) in read.iter().zip(&masks) {
            let alike = read.grey.iter().zip(&sliced.grey).all(|(read, sliced)| read.abs_diff(*sliced) <= 1);
            assert!(alike && read.grey.len() == sliced.grey.len());
        }
    }
}
