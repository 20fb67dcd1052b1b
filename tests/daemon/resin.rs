//! Resin printers whose masks are shown from here: files of the real slicer, a board that times each light, a display
//! that writes down what it shows; and what becomes of the light when anything is cut in the middle of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ::resin::file::{LIMITS, Mask, Masks};
use ::resin::layer::LayerIndex;
use hw_sim::chitu::sample::Sample;
use hw_sim::faults::Fault;
use hw_sim::msla::{Cause, Dialect, ExposureReport, Flaw, Frame, MslaFault, MslaReport};
use hw_sim::pty::{Printer, PrinterConfig};
use hw_sim::random::Random;
use hw_sim::rig::RigConfig;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::crash::stands_still;
use crate::relays::{note, noted, relay};
use crate::world::{Daemon, Lab, Page, until};

/// The board's clock against the wall's, and so that of the layer loop.
const SPEED: u32 = 20;
/// By hand, `PLATEN_KILLS=500`.
const KILLS: usize = 50;
const MATERIAL: &str = "Clear resin";

/// What a layer is to be.
#[derive(Clone, Debug, PartialEq)]
struct Planned {
    hash: String,
    exposure_us: u64,
    top_um: i64,
    /// What is lit of it, in points of full light.
    points: f64,
}

/// A file of the slicer, and what is in it.
struct Sliced {
    bytes: Vec<u8>,
    layers: Vec<Planned>,
}

/// 6 by 5 by 1.2 mm, and smaller from layer to layer, in words.
fn model() -> String {
    let corner = |n: u8| {
        let place = |is_far: bool, far: f64| match (n & 4 != 0, is_far) {
            (false, false) => 0.0,
            (false, true) => far,
            (true, false) => far / 3.0,
            (true, true) => far * 2.0 / 3.0,
        };
        let z = if n & 4 != 0 { 1.2 } else { 0.0 };
        format!("vertex {} {} {z}", place(n & 1 != 0, 6.0), place(n & 2 != 0, 5.0))
    };
    let faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
    let mut text = "solid block\n".to_owned();
    for [a, b, c, d] in faces {
        for triangle in [[a, b, c], [a, c, d]] {
            let corners = triangle.map(corner).join("\n");
            text += &format!("facet normal 0 0 0\nouter loop\n{corners}\nendloop\nendfacet\n");
        }
    }
    text + "endsolid block\n"
}

/// Sliced once for all tests, with the profile of the demo but without supports.
fn sliced() -> &'static Sliced {
    static SLICED: OnceLock<Sliced> = OnceLock::new();
    SLICED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/slicing/demo-msla.ini");
        let profile = std::fs::read_to_string(profile).unwrap();
        let bare = profile.replace("supports_enable = 1", "supports_enable = 0");
        assert_ne!(profile, bare);
        std::fs::write(at("bare.ini"), bare).unwrap();
        std::fs::write(at("block.stl"), model()).unwrap();
        let mut slicer = Command::new("prusa-slicer");
        slicer.args(["--export-sla", "--load"]).arg(at("bare.ini")).arg("--output").arg(at("block.sl1"));
        let told = slicer.arg(at("block.stl")).output().unwrap();
        assert!(told.status.success(), "{told:?}");
        let bytes = std::fs::read(at("block.sl1")).unwrap();
        let sliced = Sliced::of(bytes);
        assert!((8..=20).contains(&sliced.layers.len()), "{} layers", sliced.layers.len());
        sliced
    })
}

/// Five layers, as they are told apart where a board and this machine share one clock.
fn few() -> Sliced {
    let sample = Sample {
        layers: 5,
        layer_height_mm: 0.1,
        resolution: (480, 270),
        bed_mm: (28.8, 16.2, 60.0),
        bottom_layers: 1,
        bottom_exposure_s: 3.0,
        exposure_s: 2.0,
        light_off_s: 0.2,
        lift_mm: 4.0,
        lift_mm_min: 480.0,
        retract_mm_min: 480.0,
        ..Sample::default()
    };
    Sliced::of(sample.write())
}

impl Sliced {
    fn of(bytes: Vec<u8>) -> Self {
        let (said, mut masks) = Masks::open(std::io::Cursor::new(&bytes), &LIMITS).unwrap();
        let mut mask = Mask::default();
        let layers = (0..).zip(&said.layers).map(|(index, layer)| {
            masks.layer(LayerIndex(index), &mut mask).unwrap();
            let hash = Sha256::digest(&mask.grey).iter().map(|byte| format!("{byte:02x}")).collect();
            let points = mask.grey.iter().map(|grey| f64::from(*grey) / 255.0).sum();
            Planned { hash, exposure_us: layer.exposure.0 * 1_000, top_um: layer.top.0, points }
        });
        let layers: Vec<_> = layers.collect();
        let masks: std::collections::BTreeSet<_> = layers.iter().map(|layer| &layer.hash).collect();
        assert_eq!(masks.len(), layers.len(), "no mask is another one's");
        Self { bytes, layers }
    }
}

/// A lab with one resin printer, `msla`, whose vat is full.
struct Resin {
    lab: Lab,
    file: String,
    fill_ml: f64,
}

/// What may be otherwise in a lab.
struct Build<'a> {
    dialect: Dialect,
    speed: u32,
    /// Into the section of its light.
    light: &'a str,
    /// Into the section of its plate.
    plate: &'a str,
    /// What the vat holds, and what stays in it, ml.
    vat: (f64, f64),
    file: (&'a str, &'a [u8]),
}

impl Default for Build<'_> {
    fn default() -> Self {
        let file = ("block.sl1", &sliced().bytes[..]);
        Self { dialect: Dialect::Marlin, speed: SPEED, light: "", plate: "", vat: (500.0, 50.0), file }
    }
}

impl Resin {
    fn new() -> Self {
        Self::with("", |_| {})
    }

    /// `light` goes into the section of its light.
    fn with(light: &str, change: impl FnOnce(&mut RigConfig)) -> Self {
        Self::build(Build { light, ..Build::default() }, |_| String::new(), change)
    }

    /// `more` goes into the section of the printer.
    fn build(
        build: Build<'_>,
        more: impl FnOnce(&Path) -> String,
        change: impl FnOnce(&mut RigConfig),
    ) -> Self {
        let Build { dialect, speed, light, plate, vat: (holds, keeps), file: (name, bytes) } = build;
        let folder = tempfile::tempdir().unwrap();
        let shown = folder.path().join("shown");
        std::fs::create_dir(&shown).unwrap();
        let mut rig = RigConfig::msla(dialect, 115_200, 0, 7);
        rig.firmware.record_lines = true;
        let board = rig.firmware.msla.as_mut().unwrap();
        (board.z_max_mm, board.start_z_mm, board.home_mm_s) = (30.0, 25.0, 10.0);
        board.mask_ledger = Some(shown.join("shown.jsonl"));
        change(&mut rig);
        let printer = PrinterConfig {
            name: "msla".into(),
            rig,
            link: Some(folder.path().join("msla")),
            speed: f64::from(speed),
            record: Some(folder.path().join("msla.executed")),
        };
        let printers = Printer::spawn_all(vec![printer]).unwrap();
        let more = more(folder.path());
        let (firmware, on, off) = match dialect {
            Dialect::Marlin => ("marlin-2.1", "M106 S{pwm}", "M107"),
            Dialect::Klipper => ("klipper", "SET_PIN PIN=uv VALUE={pwm}", "SET_PIN PIN=uv VALUE=0"),
        };
        let lab = Lab { config: folder.path().join("platen.toml"), folder, printers };
        let port = lab.printers[0].path();
        let text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [[printer]]\nname = \"msla\"\nkind = \"msla\"\nport = {port:?}\nbaud = 115200\nfirmware = \"{firmware}\"\n\
             simulated_speed = {speed}\nbuild_height = 30\n{more}\n\
             [printer.resin]\nchecklist = []\n\
             [printer.display]\ncolumns = 480\nrows = 270\npoint_x_um = 60\npoint_y_um = 60\nmirrored_x = true\n\
             mirrored_y = false\nfolder = {shown:?}\nanswers_ms = 20000\n\
             [printer.light]\nlongest_exposure_s = 60\non = \"{on}\"\noff = \"{off}\"\n{light}\n\
             [printer.plate]\nhomes = \"up\"\ntravel_mm_min = 600\nfastest_mm_min = 600\nraise_at_pause_mm = 5\n\
             raise_at_end_mm = 5\n{plate}\n\
             [printer.peel]\nlift_mm = 4\nlift_mm_min = 240\nretract_mm_min = 300\n\
             [printer.vat]\nholds_ml = {holds}\nkeeps_ml = {keeps}\n",
            lab.state()
        );
        std::fs::write(&lab.config, text).unwrap();
        let file = lab.folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        Self { file: file.to_str().unwrap().to_owned(), lab, fill_ml: holds.min(400.0) }
    }

    fn shown(&self) -> PathBuf {
        self.lab.folder.path().join("shown")
    }

    /// A daemon with resin in the vat: with a case that parts are made for.
    fn serve(&self) -> (Daemon, String) {
        let daemon = self.lab.serve();
        let lot = json!({"by": "sam", "material": MATERIAL, "supplier_lot": "L-77", "received": "2020-01-01",
            "expires": "2099-01-01", "grams": 1000});
        let lot = post(&daemon, "/v1/lots", &lot);
        let steps = format!("/v1/lots/{}/steps", lot["id"].as_str().unwrap());
        post(&daemon, &steps, &json!({"by": "sam", "is": "released"}));
        let fill = json!({"by": "kim", "lot": lot["id"], "ml": self.fill_ml});
        post(&daemon, "/v1/printers/msla/vat/fill", &fill);
        let case = daemon.case();
        (daemon, case)
    }

    fn print(&self, daemon: &Page, case: &str) -> String {
        self.print_with(daemon, case, &[])
    }

    fn print_with(&self, daemon: &Page, case: &str, more: &[&str]) -> String {
        let args =
            ["print", &self.file, "--case", case, "--part", "1", "--printer", "msla", "--material", MATERIAL];
        daemon.ask(&[&args[..], more].concat())["id"].as_str().unwrap().to_owned()
    }

    fn report(&self) -> MslaReport {
        let report = self.lab.printers[0].statistics().unwrap().msla.unwrap();
        assert_eq!(report.mask_error, None);
        report
    }

    /// What was lit of a job, in order: layer and exposure.
    fn lit_of(&self, job: &str) -> Vec<(usize, ExposureReport)> {
        let of = |exposure: ExposureReport| {
            let Some(Frame::Layer { label, .. }) = &exposure.frame else {
                panic!("lit behind no mask: {exposure:?}")
            };
            let (of, layer) = label.rsplit_once('/').unwrap();
            let layer = (of == job).then(|| layer.parse().unwrap())?;
            Some((layer, exposure))
        };
        self.report().exposures.into_iter().filter_map(of).collect()
    }

    /// Waits until the light of a layer of this job is on, or its exposures are at least so many.
    fn wait_lit(&self, job: &str, layers: usize) {
        until(&format!("layer {layers} of {job} in light"), || {
            let report = self.report();
            (report.lit && self.lit_of(job).len() >= layers).then_some(())
        });
    }

    /// The light is off, and nothing moves; and it stays so while nobody asks for anything.
    fn stays_dark(&self) -> MslaReport {
        stands_still(&self.lab.printers[0]);
        let report = self.report();
        assert!(!report.lit);
        report
    }

    fn tells_light(&self, daemon: &Page, word: &str) {
        until(&format!("a light that is {word}"), || (daemon.printer("msla")["light"] == word).then_some(()));
    }

    /// The last that the display did.
    fn display_is_dark(&self) -> Option<()> {
        let text = std::fs::read_to_string(self.shown().join("shown.jsonl")).unwrap();
        let last: Value = serde_json::from_str(text.lines().last()?).ok()?;
        (last["what"] == "blank").then_some(())
    }
}

fn post(daemon: &Page, path: &str, body: &Value) -> Value {
    let mut answer = daemon.agent.post(&format!("{}{path}", daemon.url)).send_json(body).unwrap();
    let told = answer.body_mut().read_to_string().unwrap();
    assert!(answer.status().is_success(), "{path}: {told}");
    serde_json::from_str(&told).unwrap_or(Value::Null)
}

/// Each is the slicer's: the mask, for as long as planned, at its height, and nothing moved or changed in light.
fn assert_as_planned(lit: &[(usize, ExposureReport)]) {
    assert_as_in(&sliced().layers, lit, |planned_us| planned_us / 100);
}

/// The same of any file; an exposure may be off by so much, µs.
fn assert_as_in(planned: &[Planned], lit: &[(usize, ExposureReport)], may_be_off: impl Fn(u64) -> u64) {
    for (layer, exposure) in lit {
        let Planned { hash, exposure_us, top_um, .. } = &planned[*layer];
        assert_eq!(exposure.flaws, [], "layer {layer}: {exposure:?}");
        assert!(
            matches!(&exposure.frame, Some(Frame::Layer { hash: shown, .. }) if shown == hash),
            "{exposure:?}"
        );
        let off_us = exposure.lit_us.abs_diff(*exposure_us);
        assert!(off_us <= may_be_off(*exposure_us), "layer {layer}: {exposure:?}");
        assert!((exposure.z_um - top_um).abs() <= 10, "layer {layer} at {top_um} µm: {exposure:?}");
    }
}

/// No more light than planned, nothing moved in it, and at most it was blanked: what was cut off may be shorter.
fn assert_never_too_long(lit: &[(usize, ExposureReport)]) {
    for (layer, exposure) in lit {
        let Planned { hash, exposure_us, .. } = &sliced().layers[*layer];
        assert!(exposure.lit_us <= exposure_us + exposure_us / 100, "layer {layer}: {exposure:?}");
        assert!(
            matches!(&exposure.frame, Some(Frame::Layer { hash: shown, .. }) if shown == hash),
            "{exposure:?}"
        );
        let odd = exposure.flaws.iter().filter(|flaw| **flaw != Flaw::MaskChanged).count();
        assert!(odd == 0 && exposure.flips <= 1, "layer {layer}: {exposure:?}");
    }
}

fn order_of(lit: &[(usize, ExposureReport)]) -> Vec<usize> {
    lit.iter().map(|(layer, _)| *layer).collect()
}

#[test]
fn a_file_of_the_slicer_is_printed_mask_by_mask_as_it_says_and_what_it_took_is_counted() {
    let lab = Resin::new();
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    let lit = lab.lit_of(&job);
    assert_eq!(order_of(&lit), (0..sliced().layers.len()).collect::<Vec<_>>());
    assert_as_planned(&lit);
    let report = lab.stays_dark();
    assert_eq!(report.exposures.len(), lit.len(), "nothing else was lit");
    let totals = report.totals;
    assert_eq!((totals.moved_in_light, totals.mask_changed, totals.wasted_us, totals.loose), (0, 0, 0, 0));
    assert!(report.crashes.is_empty(), "{:?}", report.crashes);
    until("a dark display", || lab.display_is_dark());
    let noted = daemon.get("/v1/printers/msla/resin");
    let millis: u64 = sliced().layers.iter().map(|layer| layer.exposure_us / 1_000).sum();
    let told = daemon.events();
    let counted =
        told.iter().rfind(|event| event["fact"]["what"] == "lit").unwrap_or_else(|| panic!("{noted}"));
    let layers = sliced().layers.len();
    assert_eq!(
        (&counted["fact"]["lit"]["layers"], &counted["fact"]["lit"]["light_ms"]),
        (&json!(layers), &json!(millis)),
        "{counted}"
    );
    assert!(counted["fact"]["lit"]["resin"].as_u64().unwrap() > 0, "{counted}");
}

#[test]
fn a_pause_ends_behind_its_layer_and_a_print_that_goes_on_is_exact() {
    let build = Build { plate: "long_pause_min = 1", ..Build::default() };
    let lab = Resin::build(build, |_| String::new(), |_| {});
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 3);
    daemon.ask(&["jobs", "--pause", &job, "--by", "kim"]);
    daemon.wait_job(&job, "paused");
    let paused = lab.stays_dark();
    let (lit, last) = (lab.lit_of(&job).len(), paused.exposures.last().unwrap());
    assert!(paused.z_um >= last.z_um + 5_000, "it is raised: {} over {}", paused.z_um, last.z_um);
    until("a dark display", || lab.display_is_dark());
    assert_as_planned(&lab.lit_of(&job));
    assert_eq!(lab.report().exposures.len(), lit);
    // Whoever comes to it is told that its resin has settled.
    let odd = || daemon.get("/v1/printers/msla")["resin"]["odd"][0]["words"].as_str().map(str::to_owned);
    let odd = until("a long pause", odd);
    assert!(odd.contains("stir it before it goes on"), "{odd}");
    daemon.ask(&["jobs", "--resume", &job, "--by", "kim"]);
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    let lit = lab.lit_of(&job);
    assert_eq!(order_of(&lit), (0..sliced().layers.len()).collect::<Vec<_>>());
    assert_as_planned(&lit);
}

#[test]
fn a_print_that_is_cancelled_in_light_is_dark_and_raised() {
    let lab = Resin::new();
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 2);
    daemon.ask(&["jobs", "--cancel", &job, "--by", "kim"]);
    daemon.wait_job(&job, "cancelled");
    let report = lab.stays_dark();
    assert_never_too_long(&lab.lit_of(&job));
    let last = report.exposures.last().unwrap();
    assert!(report.z_um >= last.z_um + 5_000, "{} over {}", report.z_um, last.z_um);
    until("a dark display", || lab.display_is_dark());
}

#[test]
fn a_stop_in_light_is_dark_by_the_end_of_what_was_lit_and_nothing_is_lit_after_it() {
    let lab = Resin::new();
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 1);
    let stopped = daemon.ask(&["stop", "msla", "--by", "kim"]);
    assert!(stopped.to_string().contains("msla"), "{stopped}");
    let ended = daemon.wait_job(&job, "interrupted");
    daemon.wait_printer("msla", "stopped");
    until("a dark light", || (!lab.report().lit).then_some(()));
    let lit = lab.lit_of(&job);
    assert_never_too_long(&lit);
    until("a dark display", || lab.display_is_dark());
    until("a stop that is confirmed", || {
        let events = daemon.events();
        events.iter().any(|event| event["fact"]["type"] == "stop_verified").then_some(())
    });
    assert_eq!(lab.report().exposures.len(), lit.len(), "{ended}");
}

#[test]
fn a_display_that_is_gone_ends_the_print_dark_and_the_printer_says_so_until_it_is_back() {
    let lab = Resin::new();
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 2);
    let away = lab.lab.folder.path().join("away");
    std::fs::rename(lab.shown(), &away).unwrap();
    let ended = daemon.wait_job(&job, "interrupted");
    assert!(ended["why"].as_str().unwrap().contains("display"), "{ended}");
    stands_still(&lab.lab.printers[0]);
    let offline = daemon.wait_printer("msla", "offline");
    assert!(offline.to_string().contains("its display cannot be had"), "{offline}");
    std::fs::rename(&away, lab.shown()).unwrap();
    daemon.wait_printer("msla", "ready");
    assert!(!lab.report().lit);
    assert_never_too_long(&lab.lit_of(&job));
    until("a dark display", || lab.display_is_dark());
}

#[test]
fn a_job_waits_while_the_cover_is_open_and_begins_when_it_is_closed() {
    let cover = "[printer.cover]\nopen = \"filament: open\"\nclosed = \"filament: TRIGGERED\"";
    let lab = Resin::with(cover, |_| {});
    let lid = |fault| lab.lab.printers[0].inject(Fault::Msla(fault)).unwrap();
    lid(MslaFault::LidOpened);
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    until("a job that waits for the cover", || {
        let noted = daemon.get("/v1/printers/msla/resin");
        let why = noted["next"]["hindrances"].as_array().cloned().unwrap_or_default();
        let is_told = daemon.job(&job).to_string().contains("its cover is open: close it");
        (is_told && why.iter().any(|why| why["why"] == "cover_open")).then_some(())
    });
    assert_eq!(daemon.job(&job)["state"], "queued");
    assert_eq!(lab.report().exposures, []);
    lid(MslaFault::LidClosed);
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    assert_as_planned(&lab.lit_of(&job));
}

#[test]
fn a_cover_that_is_opened_between_layers_ends_the_print_by_that_name() {
    let cover = "[printer.cover]\nopen = \"filament: open\"\nclosed = \"filament: TRIGGERED\"";
    let lab = Resin::with(cover, |_| {});
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 2);
    lab.lab.printers[0].inject(Fault::Msla(MslaFault::LidOpened)).unwrap();
    let ended = daemon.wait_job(&job, "interrupted");
    assert!(ended["why"].as_str().unwrap().contains("the cover was opened"), "{ended}");
    lab.stays_dark();
    assert_as_planned(&lab.lit_of(&job));
    until("a dark display", || lab.display_is_dark());
}

#[test]
fn a_cable_that_is_pulled_in_light_leaves_no_light_on_and_the_job_does_not_go_on() {
    let mut lab = Resin::new();
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 2);
    lab.lab.printers[0].unplug().unwrap();
    let ended = daemon.wait_job(&job, "interrupted");
    until("a dark light", || (!lab.report().lit).then_some(()));
    let lit = lab.lit_of(&job);
    assert_never_too_long(&lit);
    lab.lab.printers[0].plug_in().unwrap();
    daemon.wait_printer("msla", "ready");
    let report = lab.stays_dark();
    assert_eq!(report.exposures.len(), lit.len(), "{ended}");
    assert_eq!(daemon.job(&job)["state"], "interrupted");
    until("a dark display", || lab.display_is_dark());
}

#[test]
fn a_board_that_is_reset_in_light_ends_the_job_and_is_not_lit_again() {
    let lab = Resin::new();
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 2);
    lab.lab.printers[0].press_reset().unwrap();
    let ended = daemon.wait_job(&job, "interrupted");
    daemon.wait_printer("msla", "ready");
    let lit = lab.lit_of(&job);
    assert_never_too_long(&lit);
    assert_eq!(lab.stays_dark().exposures.len(), lit.len(), "{ended}");
    until("a dark display", || lab.display_is_dark());
}

#[test]
fn a_file_that_takes_more_than_the_vat_stands_still_before_the_right_layer_until_it_is_topped_up() {
    let gives_ul = 12.0;
    let build = Build { vat: (1.0 + gives_ul / 1_000.0, 1.0), ..Build::default() };
    let lab = Resin::build(build, |_| String::new(), |_| {});
    let (daemon, case) = lab.serve();
    let args = ["print", &lab.file, "--case", &case, "--part", "1", "--printer", "msla"];
    let barred = daemon.platen(&[&args[..], &["--material", MATERIAL]].concat());
    assert!(barred.code != Some(0) && barred.err.contains("resin.refill"), "{barred:?}");
    let job = lab.print_with(&daemon, &case, &["--accept", "resin.refill", "--by", "kim"]);
    let told = daemon.job(&job)["need"]["refill_before"].clone();
    let [before] = &told.as_array().unwrap()[..] else { panic!("{told}") };
    // Layers are counted from 1 there.
    let before = usize::try_from(before.as_u64().unwrap()).unwrap() - 1;
    // As late as the vat allows. A point has 60 µm by 60 µm by 100 µm, and each layer's share is rounded to whole µl.
    let through =
        |layers: usize| sliced().layers[..layers].iter().map(|layer| layer.points * 0.000_36).sum::<f64>();
    let (below, one_more) = (through(before), through(before + 1));
    assert!(below <= gives_ul && one_more > gives_ul - 1.0, "{below} and {one_more} of {gives_ul} µl");

    let paused = daemon.wait_job(&job, "paused");
    assert!(paused["paused"].as_str().unwrap().contains("refilled"), "{paused}");
    until_raised(&lab);
    let dark = lab.stays_dark();
    let lit = lab.lit_of(&job);
    assert_eq!(order_of(&lit), (0..before).collect::<Vec<_>>());
    assert_eq!(dark.exposures.len(), before, "nothing else was lit");
    lab.tells_light(&daemon, "off");
    until("a dark display", || lab.display_is_dark());

    let too_early = daemon.platen(&["jobs", "--resume", &job, "--by", "kim"]);
    assert!(too_early.code == Some(1) && too_early.err.contains("is refilled"), "{too_early:?}");
    let vat = daemon.get("/v1/printers/msla/resin")["vat"]["contents"].clone();
    let room_ul = ((lab.fill_ml - vat["left_ml"].as_f64().unwrap()) * 1_000.0).round();
    assert!(room_ul >= below.floor(), "{vat}");
    let poured = json!({"by": "kim", "lot": vat["lots"][0]["lot"], "ml": room_ul / 1_000.0});
    post(&daemon, "/v1/printers/msla/vat/top-up", &poured);
    daemon.ask(&["jobs", "--resume", &job, "--by", "kim"]);
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    let lit = lab.lit_of(&job);
    assert_eq!(order_of(&lit), (0..sliced().layers.len()).collect::<Vec<_>>());
    assert_as_planned(&lit);
}

/// The plate stands 5 mm above what was lit last.
fn until_raised(lab: &Resin) {
    until("a plate that is up", || {
        let report = lab.report();
        let last = report.exposures.last()?;
        (report.z_um >= last.z_um + 5_000).then_some(())
    });
}

#[test]
fn a_board_that_hangs_in_light_does_not_confirm_its_stop_and_its_relay_ends_the_light() {
    let with_relay = |folder: &Path| relay(folder, &note(folder));
    let lab = Resin::build(Build::default(), with_relay, |_| {});
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 1);
    let board = &lab.lab.printers[0];
    board.inject(Fault::Hang { for_us: 1_000_000_000_000 }).unwrap();
    assert!(lab.report().lit, "it hangs in light, and nothing but its supply ends that");
    let told = daemon.platen(&["stop", "msla", "--by", "kim"]);
    assert_eq!(told.code, Some(1), "nobody may go away believing that it is dark: {told:?}");
    assert!(told.out.contains("NOT CONFIRMED"), "{told:?}");
    let folder = lab.lab.folder.path();
    until("the relay", || (noted(folder) == "msla off off\n").then_some(()));
    let lit = lab.report();
    assert!(lit.lit && lit.exposures.len() == 1, "{lit:?}");
    // The hand of the relay.
    board.inject(Fault::PowerCut).unwrap();
    let dark = lab.report();
    assert!(!dark.lit);
    assert_eq!(dark.exposures.len(), 1);
    assert_eq!(dark.exposures[0].moved_us, 0);
    let last = dark.events.last().unwrap();
    assert_eq!((last.power, &last.cause), (0, &Cause::PowerCut));
    let ended = daemon.wait_job(&job, "interrupted");
    let printer = until("a lock that tells of the relay", || {
        Some(daemon.printer("msla")).filter(|printer| printer["latch"]["relay"] == "switched")
    });
    assert_eq!((&printer["state"], &printer["light"]), (&json!("stopped"), &json!("may_be_on")), "{ended}");
    let events = daemon.events();
    let fact = events.iter().map(|event| &event["fact"]).find(|fact| fact["type"] == "stop_unverified");
    assert_eq!(fact.unwrap()["relay"], "switched");
    assert!(!events.iter().any(|event| event["fact"]["type"] == "stop_verified"));
}

#[test]
fn a_klipper_board_prints_a_file_of_the_slicer_mask_by_mask() {
    let lab =
        Resin::build(Build { dialect: Dialect::Klipper, ..Build::default() }, |_| String::new(), |_| {});
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    let lit = lab.lit_of(&job);
    assert_eq!(order_of(&lit), (0..sliced().layers.len()).collect::<Vec<_>>());
    assert_as_planned(&lit);
    let report = lab.stays_dark();
    assert_eq!(report.exposures.len(), lit.len(), "nothing else was lit");
    assert!(report.totals.moved_in_light == 0 && report.crashes.is_empty(), "{report:?}");
}

#[test]
fn layers_that_this_machine_times_itself_are_lit_as_long_as_their_file_says() {
    let few = few();
    for dialect in [Dialect::Marlin, Dialect::Klipper] {
        let file = ("few.ctb", &few.bytes[..]);
        // Its clock is the wall's: a reply that comes late is light that lasts.
        let build = Build { dialect, speed: 1, light: "timed_by = \"host\"", file, ..Build::default() };
        let lab = Resin::build(build, |_| String::new(), |_| {});
        let (daemon, case) = lab.serve();
        let job = lab.print(&daemon, &case);
        lab.wait_lit(&job, 2);
        lab.tells_light(&daemon, "on");
        let printed = daemon.wait_job(&job, "printed");
        assert_eq!(printed["exact"], true, "{printed}");
        let lit = lab.lit_of(&job);
        assert_eq!(order_of(&lit), (0..few.layers.len()).collect::<Vec<_>>());
        // What platen itself would have ended as `timing` is a tenth.
        assert_as_in(&few.layers, &lit, |planned_us| planned_us / 10);
        let report = lab.stays_dark();
        assert!(report.totals.moved_in_light == 0 && report.crashes.is_empty(), "{report:?}");
        lab.tells_light(&daemon, "off");
    }
}

#[test]
fn a_file_for_filament_is_not_taken_for_a_resin_printer() {
    let lab = Resin::new();
    let (daemon, case) = lab.serve();
    let lines = lab.lab.file("lines.gcode", &crate::world::gcode(20));
    let told = daemon.platen(&["print", &lines, "--case", &case, "--part", "1", "--printer", "msla"]);
    assert_ne!(told.code, Some(0), "{told:?}");
    assert!(told.err.contains("resin"), "{told:?}");
}

#[test]
fn a_daemon_that_ends_in_light_leaves_it_dark_and_the_plate_raised() {
    let lab = Resin::new();
    let (daemon, case) = lab.serve();
    let job = lab.print(&daemon, &case);
    lab.wait_lit(&job, 2);
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
    let report = lab.stays_dark();
    let lit = lab.lit_of(&job);
    assert_never_too_long(&lit);
    let last = report.exposures.last().unwrap();
    assert!(report.z_um >= last.z_um + 5_000, "{} over {}", report.z_um, last.z_um);
    assert!(lab.display_is_dark().is_some());
    let daemon = lab.lab.serve();
    assert_eq!(daemon.job(&job)["state"], "interrupted");
}

#[test]
fn a_daemon_killed_at_any_moment_of_a_print_leaves_no_light_on_and_the_next_one_lights_nothing_by_itself() {
    let kills = std::env::var("PLATEN_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let lab = Resin::new();
    let (mut daemon, case) = lab.serve();
    let mut random = Random::fork(20_261_130, "resin kills");
    let layers = sliced().layers.len();
    let mut in_light = 0;
    for kill in 0..kills {
        let job = lab.print(&daemon, &case);
        // Spread over homing, all layers and the moves between; at times in the light itself.
        let at = usize::try_from(random.below(layers as u64 - 1)).unwrap();
        let wants_light = random.below(2) == 0;
        until(&format!("kill {kill}: layer {at}"), || {
            let report = lab.report();
            let lit = lab.lit_of(&job).len();
            let there = lit > at || (at == 0 && daemon.job(&job)["state"] == "printing");
            (there && (report.lit || !wants_light || lit > at + 1)).then_some(())
        });
        let was_lit = lab.report().lit;
        in_light += usize::from(was_lit);
        daemon.crash();
        let left = lab.stays_dark();
        let lit = lab.lit_of(&job);
        assert_never_too_long(&lit);
        assert_eq!(order_of(&lit), (0..lit.len()).collect::<Vec<_>>(), "kill {kill}");

        daemon = lab.lab.serve();
        daemon.wait_printer("msla", "ready");
        let ended = daemon.job(&job);
        assert_eq!(
            (&ended["state"], &ended["why"]),
            (&json!("interrupted"), &json!("platen ended while the job was running")),
            "kill {kill}: {ended}"
        );
        until("a dark display", || lab.display_is_dark());
        let next = lab.print(&daemon, &case);
        let report = lab.stays_dark();
        assert_eq!((report.exposures.len(), report.z_um), (left.exposures.len(), left.z_um), "kill {kill}");
        assert_eq!(daemon.job(&next)["state"], "queued", "kill {kill}");
        daemon.ask(&["jobs", "--cancel", &next, "--by", "kim"]);
        post(&daemon, "/v1/printers/msla/vat/filter", &json!({"by": "kim"}));
        if kill % 10 == 9 {
            post(&daemon, "/v1/printers/msla/vat/measure", &json!({"by": "kim", "ml": 400}));
        }
        // Whoever clears the plate has taken off what hung on it.
        lab.lab.printers[0].inject(Fault::Msla(MslaFault::PartRemoved)).unwrap();
        daemon.ask(&["printers", "clear", "msla", "--by", "kim"]);
    }
    assert!(in_light * 4 >= kills, "only {in_light} of {kills} in light");
    let job = lab.print(&daemon, &case);
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    assert_as_planned(&lab.lit_of(&job));
    let report = lab.report();
    assert_eq!(report.totals.moved_in_light, 0);
    assert!(report.crashes.is_empty(), "{:?}", report.crashes);
}
