//! What the operator says of a resin printer: how it is driven, its display and vat, and what is asked before a start.
//!
//! `kind = "msla"`: we show the masks, and a board on the port moves the plate and switches the light. `kind = "chitu"`: a
//! board that prints files from a stick of its own, and hears commands on the port. Either has sections of its own behind
//! its `[[printer]]`; what the other has is told as a mistake.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use ::resin::exposure;
use ::resin::layer;
use ::resin::machine::{self, Machine, Mirrored};
use ::resin::units::{Micrometres, MicrometresPerSecond, Milliseconds};

use super::reader::{At, Found, Reader, Section, meant};
use super::{BedClearing, Kind, parse};
use crate::domain::printer::Firmware;
use crate::domain::resin::outfit::{Item, Outfit, WARN_AT_PERCENT};
use crate::domain::units::{Height, Microlitres};

/// The sections behind a `[[printer]]` that are for resin, by what they are called there.
pub(super) const SECTIONS: [&str; 9] =
    ["resin", "display", "light", "cover", "plate", "peel", "bottom_peel", "vat", "delivery"];
/// Those of one drive alone.
const MSLA_ONLY: [&str; 4] = ["cover", "plate", "peel", "bottom_peel"];
const CHITU_ONLY: [&str; 1] = ["delivery"];

/// Mono displays turn their points within some tens of milliseconds.
const SETTLE_MS: u64 = 60;
/// As long as Prusa's own software waits for a picture.
const DISPLAY_ANSWERS_MS: u64 = 2_000;
/// Marlin's BUFSIZE as it comes.
const BUFFER_LINES: u64 = 4;
/// What displays take that may choose (`mask::pack::PixelFormat::of_bits`).
const BITS: [[u8; 3]; 2] = [[8, 8, 8], [5, 6, 5]];
/// The most commands that switch a light one way.
const LIGHT_LINES: usize = 4;
const LINE_MAX: usize = 80;
/// How long a board may be silent beyond what it was told to do, ms.
const BOARD_ANSWERS_MS: u64 = 10_000;
/// The longest that a display or a board may be waited for, ms (`resin`'s own bound).
const ANSWERS_MAX_MS: u64 = 600_000;
/// The most points of a display that are packed (`mask`'s own bound).
const POINTS_MAX: u64 = 128 << 20;
/// "If commands arrive too quickly the printer can get into a strange state" (mariner's issue 453).
const GAP_MS: u64 = 100;

/// A resin printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resin {
    pub drive: Drive,
    pub panel: Panel,
    /// No layer is lit longer, whatever its file says.
    pub longest_exposure: Duration,
    pub vat: Vat,
    pub wear: Wear,
    /// What somebody confirms before each start; nothing: nobody is asked.
    pub checklist: BTreeSet<Item>,
}

impl Resin {
    /// What starts are judged by.
    pub fn outfit(&self) -> Outfit {
        Outfit {
            holds: self.vat.holds,
            keeps: self.vat.keeps,
            resin_days: self.vat.resin_days,
            display_life_h: self.wear.display_life_h,
            film_life_layers: self.wear.film_life_layers,
            warn_at_percent: self.wear.warn_at_percent,
            worn_bars: self.wear.bars,
            checklist: self.checklist.clone(),
            alone: matches!(self.drive, Drive::Chitu(_)),
        }
    }

    /// What files are held against; `height` is how far the plate goes up, mm.
    pub fn machine(&self, height: Option<u16>) -> Machine {
        let peel = match &self.drive {
            Drive::Msla(msla) => msla.peel.of_layers(),
            Drive::Chitu(_) => layer::Peel::default(),
        };
        let millilitres = |volume: Microlitres| volume.0 as f64 / 1_000.0;
        Machine {
            display: self.panel.points,
            point: self.panel.point_nm.map(|sides| sides.map(|nm| f64::from(nm) / 1_000.0)),
            mirrored: self.panel.mirrored.map(|[x, y]| Mirrored { x, y }),
            height: height.map(|height| Micrometres(i64::from(height) * 1_000)),
            longest_exposure: Some(milliseconds(self.longest_exposure)),
            vat: Some(machine::Vat {
                holds: millilitres(self.vat.holds),
                keeps: millilitres(self.vat.keeps),
            }),
            peel,
        }
    }

    pub fn msla(&self) -> Option<&Msla> {
        match &self.drive {
            Drive::Msla(msla) => Some(msla),
            Drive::Chitu(_) => None,
        }
    }
}

fn milliseconds(time: Duration) -> Milliseconds {
    Milliseconds(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl Peel {
    /// As layers have it.
    pub fn of_layers(&self) -> layer::Peel {
        let rest = |ms: Option<u32>| ms.map(|ms| Milliseconds(ms.into()));
        let length = |um: Option<u32>| um.map(|um| Micrometres(um.into()));
        let speed = |um_s: Option<u32>| um_s.map(|um_s| MicrometresPerSecond(um_s.into()));
        layer::Peel {
            rest_before_lift: rest(self.rest_before_lift_ms),
            lift: length(self.lift_um),
            lift_speed: speed(self.lift_um_s),
            second_lift: length(self.second_lift_um),
            second_lift_speed: speed(self.second_lift_um_s),
            rest_after_lift: rest(self.rest_after_lift_ms),
            retract_speed: speed(self.retract_um_s),
            second_retract: length(self.second_retract_um),
            second_retract_speed: speed(self.second_retract_um_s),
            rest_before_light: rest(self.rest_before_light_ms),
        }
    }
}

/// What the board of a printer is, as its section says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Board {
    pub(super) firmware: Option<Firmware>,
    /// Bytes, of which one is never used.
    pub(super) rx_buffer: u64,
    /// Its clock goes so many times as fast as that of the wall, and as the display's.
    pub(super) simulated_speed: u16,
}

/// What stands where in a profile of the layer loop, and what it is called here, behind the printer's name.
const LOOP_KEYS: [(&str, &str); 16] = [
    ("light_on", "light.on"),
    ("light_off", "light.off"),
    ("home", "plate.home"),
    ("homes_within", "plate.homes_within_s"),
    ("height", "build_height"),
    ("fastest", "plate.fastest_mm_min"),
    ("travel_speed", "plate.travel_mm_min"),
    ("raise_at_pause", "plate.raise_at_pause_mm"),
    ("raise_at_end", "plate.raise_at_end_mm"),
    ("longest_exposure", "light.longest_exposure_s"),
    ("first_layer_rest", "plate.first_layer_rest_ms"),
    ("rest_after_pause", "plate.rest_after_pause_ms"),
    ("long_pause", "plate.long_pause_min"),
    ("display.settles_in", "display.settle_ms"),
    ("display.answers_within", "display.answers_ms"),
    ("burst_lead", "light.burst_lead_ms"),
];

/// Of what is called alike, and of the layers at the plate.
fn key_of(profile: &str) -> String {
    let plain = profile.split('[').next().unwrap_or(profile);
    if let Some((_, key)) = LOOP_KEYS.iter().find(|(of, _)| *of == plain) {
        return (*key).to_owned();
    }
    match plain {
        "buffer_lines" => "light.buffer_lines".into(),
        "buffer_bytes" => "rx_buffer".into(),
        other => {
            let (section, key) = match other.strip_prefix("bottom.") {
                Some(rest) => ("bottom_peel", rest.strip_prefix("peel.").unwrap_or(rest)),
                None => ("peel", other.strip_prefix("peel.").unwrap_or(other)),
            };
            let key = match (key.strip_suffix("_speed"), key) {
                (Some(way), _) => format!("{way}_mm_min"),
                (None, "lift" | "second_lift" | "second_retract") => format!("{key}_mm"),
                (None, rest) if rest.starts_with("rest_") => format!("{rest}_ms"),
                (None, "transition") => "transition_layers".into(),
                (None, other) => other.to_owned(),
            };
            format!("{section}.{key}")
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drive {
    Msla(Box<Msla>),
    Chitu(Chitu),
}

/// The display as files have it. What is absent is not known, and refuses no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panel {
    /// Columns and rows of points.
    pub points: Option<[u32; 2]>,
    /// Sides of a point, nm.
    pub point_nm: Option<[u32; 2]>,
    /// Along which axes files for it are mirrored, X and Y.
    pub mirrored: Option<[bool; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vat {
    pub holds: Microlitres,
    pub keeps: Microlitres,
    pub resin_days: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wear {
    pub display_life_h: Option<u32>,
    pub film_life_layers: Option<u32>,
    pub warn_at_percent: u8,
    /// Nothing begins past a life.
    pub bars: bool,
}

/// A printer whose masks we show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msla {
    pub sink: Sink,
    pub packing: Packing,
    /// From when a picture is out to when the points have turned.
    pub settle: Duration,
    /// How long a picture may take until it is out.
    pub display_answers: Duration,
    pub light: Light,
    /// Nothing there tells whether the cover is closed, where it is absent.
    pub cover: Option<Cover>,
    pub plate: Plate,
    /// What a layer does where its file says nothing; `lift`, its speed and the way down are always there.
    pub peel: Peel,
    pub bottom: Bottom,
    /// The same as the layer loop has it: each of its checks is passed.
    pub exposing: exposure::Printer,
}

/// Where pictures go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    Framebuffer {
        path: PathBuf,
    },
    Drm {
        card: PathBuf,
        connector: String,
    },
    /// A file a layer, for trials without a display.
    Folder {
        path: PathBuf,
    },
}

/// How points become pixels of the video mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Points in a pixel: 1 or 3.
    pub subpixels: u8,
    pub order: Order,
    /// Of red, green and blue, 1 to 8.
    pub bits: [u8; 3],
    /// What we turn around before it is shown: left and right, top and bottom.
    pub flip: [bool; 2],
    /// Clockwise, behind that: 0, 90, 180 or 270 degrees.
    pub rotate: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Rgb,
    Bgr,
}

/// Who ends an exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedBy {
    /// Its lines lie in the board's buffer with the one that ends it.
    Board,
    Host,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Light {
    /// `{pwm}` is 1 to 255.
    pub on: Vec<String>,
    pub off: Vec<String>,
    pub timed_by: TimedBy,
    pub buffer_lines: u32,
    /// A burst begins with a dwell so long, instead of a wait.
    pub burst_lead: Duration,
    /// Above this, °C, nothing more is lit.
    pub hottest_c: Option<u16>,
}

/// How the board tells whether the cover is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    pub ask: String,
    /// What a line of the answer holds then.
    pub open: String,
    pub closed: String,
}

/// How the plate moves apart from peeling. Lengths in µm, speeds in µm/s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plate {
    pub home: String,
    /// Homing ends at the display.
    pub homes_down: bool,
    pub height_um: u32,
    pub travel_um_s: u32,
    /// Above every speed of a file.
    pub fastest_um_s: u32,
    pub raise_at_pause_um: u32,
    /// Absent: as far as it goes.
    pub raise_at_end_um: Option<u32>,
    pub motors_off_at_end: bool,
    pub first_layer_rest: Duration,
    pub rest_after_pause: Duration,
    /// A pause so long is told.
    pub long_pause: Option<Duration>,
    pub homes_within: Duration,
}

/// Lengths in µm, speeds in µm/s, rests in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peel {
    pub rest_before_lift_ms: Option<u32>,
    pub lift_um: Option<u32>,
    pub lift_um_s: Option<u32>,
    pub second_lift_um: Option<u32>,
    pub second_lift_um_s: Option<u32>,
    pub rest_after_lift_ms: Option<u32>,
    pub retract_um_s: Option<u32>,
    pub second_retract_um: Option<u32>,
    pub second_retract_um_s: Option<u32>,
    pub rest_before_light_ms: Option<u32>,
}

/// The layers at the plate; what is not said is as for all layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bottom {
    pub layers: u32,
    /// Over so many layers their values become those of the others.
    pub transition: u32,
    pub peel: Peel,
}

/// A board that prints from a stick of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chitu {
    pub delivery: Delivery,
    pub start: StartWay,
    /// Between two commands at least.
    pub gap: Duration,
}

/// How a file comes to the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// This machine is the board's stick, with what lies in a folder that is mounted there.
    UsbFolder { path: PathBuf },
    /// The same, with an image of a FAT disk.
    UsbImage { path: PathBuf },
    /// A person carries a stick.
    Operator,
    /// Over the port: slow, and with most boards an empty file.
    Uart,
}

/// How a board begins to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartWay {
    #[default]
    Auto,
    M6030,
    M23M24,
}

/// What `kind` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Fdm,
    /// A resin printer that is not driven from here.
    Resin,
    Msla,
    Chitu,
}

fn word(reader: &mut Reader<'_>, section: &Section<'_>) -> Word {
    const WORDS: &[&str] = &["fdm", "msla", "chitu", "resin"];
    let Some(found) = reader.text(section, "kind") else { return Word::Fdm };
    match found.value.as_str() {
        "fdm" => Word::Fdm,
        "resin" => Word::Resin,
        "msla" => Word::Msla,
        "chitu" => Word::Chitu,
        other => {
            let instead = meant(other, WORDS, "write \"fdm\", or \"msla\" or \"chitu\" for a resin printer");
            reader.wrong(&found.at, "a printer is for filament or for resin", instead);
            Word::Fdm
        }
    }
}

/// What a printer prints with, and how it is driven where that is resin.
pub(super) fn kind(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    build_height: Option<u16>,
    bed_clearing: BedClearing,
    board: Board,
) -> (Kind, Option<Box<Resin>>) {
    let word = word(reader, section);
    let mut of_other = |names: &[&str], reason: &str, instead: &str| {
        for name in names {
            if section.table.contains_key(*name) {
                let key = format!("{} {name}", section.name);
                reader.overall(key, reason, instead);
            }
        }
    };
    match word {
        Word::Fdm | Word::Resin => {
            let instead = "write kind = \"msla\" or kind = \"chitu\" above, or take the section away";
            of_other(&SECTIONS, "this section is for a resin printer that platen drives", instead);
            let kind = if word == Word::Fdm { Kind::Fdm } else { Kind::Resin };
            return (kind, None);
        }
        Word::Msla => of_other(&CHITU_ONLY, "this section is for kind = \"chitu\"", "take it away"),
        Word::Chitu => of_other(
            &MSLA_ONLY,
            "this section is for kind = \"msla\": a board of its own moves as its file says",
            "take it away",
        ),
    }
    if bed_clearing == BedClearing::Automatic {
        let why = "no resin printer takes its parts off the plate by itself";
        reader.overall(format!("{} bed_clearing", section.name), why, "write \"person\", or leave it out");
    }
    let resin = read(reader, section, (word == Word::Msla).then_some(board), build_height);
    (Kind::Resin, resin.map(Box::new))
}

/// A section behind the printer's, with its keys known; empty where it is not written.
fn part<'t>(reader: &mut Reader<'_>, printer: &Section<'t>, name: &'static str) -> Option<Section<'t>> {
    let part = reader.section(printer, name)?;
    let part = Section { name: format!("{} {name}", printer.name), ..part };
    let full = format!("printer.{name}");
    reader.unknown_keys(&part, parse::keys(&full));
    Some(part)
}

/// `None` where something that is needed is missing or wrong, which is told then.
fn read(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    of_msla: Option<Board>,
    build_height: Option<u16>,
) -> Option<Resin> {
    let display = part(reader, section, "display");
    let panel = display.as_ref().map(|display| panel(reader, display)).unwrap_or_default();
    let light = part(reader, section, "light");
    let longest_exposure = longest_exposure(reader, section, light.as_ref());
    let vat = vat(reader, section);
    let (wear, checklist) = people(reader, section);
    let drive = if let Some(board) = of_msla {
        let shown = shown(reader, section, display.as_ref(), panel);
        let light = self::light(reader, section, light.as_ref());
        let cover = cover(reader, section, light.as_ref());
        let plate = plate(reader, section, build_height);
        let peel = needed_peel(reader, section);
        let bottom = bottom(reader, section);
        let (sink, packing, settle, display_answers) = shown?;
        let (light, plate, peel) = (light?, plate?, peel?);
        let shown = (settle, display_answers);
        let told = Told { board, shown, light: &light, plate: &plate, peel: &peel, bottom: &bottom };
        let exposing = exposing(reader, section, &told, longest_exposure?)?;
        let msla =
            Msla { sink, packing, settle, display_answers, light, cover, plate, peel, bottom, exposing };
        Some(Drive::Msla(Box::new(msla)))
    } else {
        none_of(reader, display.as_ref(), &OF_A_SHOWN_DISPLAY);
        none_of(reader, light.as_ref(), &OF_A_SWITCHED_LIGHT);
        chitu(reader, section).map(Drive::Chitu)
    };
    Some(Resin { drive: drive?, panel, longest_exposure: longest_exposure?, vat: vat?, wear, checklist })
}

/// What the layer loop is told of.
struct Told<'t> {
    board: Board,
    /// How long the display settles, and may take to answer.
    shown: (Duration, Duration),
    light: &'t Light,
    plate: &'t Plate,
    peel: &'t Peel,
    bottom: &'t Bottom,
}

/// The printer as the layer loop has it; what it finds wrong is told by the key that it stands under here.
fn exposing(
    reader: &mut Reader<'_>,
    printer: &Section<'_>,
    told: &Told<'_>,
    longest: Duration,
) -> Option<exposure::Printer> {
    let Told { board, shown: (settle, answers), light, plate, peel, bottom } = told;
    let firmware = match board.firmware {
        None | Some(Firmware::Marlin11 | Firmware::Marlin20 | Firmware::Marlin21) => exposure::Board::Marlin,
        Some(Firmware::Klipper) => exposure::Board::Klipper,
        Some(other) => {
            let reason = format!("the light of a {} board is not known here", other.name());
            let instead = "write marlin-2.1 or another marlin, or klipper, whichever its board has";
            reader.overall(format!("{} firmware", printer.name), reason, instead);
            return None;
        }
    };
    // Board and loop share a clock; this machine, its display and its delays have that of the wall.
    let here =
        |ms: u64| Milliseconds(ms.saturating_mul(board.simulated_speed.max(1).into()).min(ANSWERS_MAX_MS));
    let speed = |um_s: u32| MicrometresPerSecond(um_s.into());
    let profile = exposure::Profile {
        board: firmware,
        timed_by: match light.timed_by {
            TimedBy::Board => exposure::TimedBy::Board,
            TimedBy::Host => exposure::TimedBy::Host,
        },
        light_on: light.on.clone(),
        light_off: light.off.clone(),
        home: plate.home.clone(),
        homes_down: plate.homes_down,
        wait: "M400".into(),
        dwell: "G4 P{ms}".into(),
        motors_off: "M84".into(),
        motors_off_at_end: plate.motors_off_at_end,
        height: Micrometres(plate.height_um.into()),
        fastest: speed(plate.fastest_um_s),
        travel_speed: speed(plate.travel_um_s),
        raise_at_pause: Micrometres(plate.raise_at_pause_um.into()),
        raise_at_end: plate.raise_at_end_um.map(|um| Micrometres(um.into())),
        // Marlin tells hundredths of a millimetre.
        z_tolerance: Micrometres(10),
        peel: peel.of_layers(),
        bottom: exposure::Bottom {
            layers: bottom.layers,
            transition: bottom.transition,
            // How long resin is lit is of the resin: its files say it.
            exposure: None,
            peel: bottom.peel.of_layers(),
        },
        exposure: None,
        longest_exposure: milliseconds(longest),
        first_layer_rest: milliseconds(plate.first_layer_rest),
        rest_after_pause: milliseconds(plate.rest_after_pause),
        long_pause: plate.long_pause.map(milliseconds),
        display: exposure::Display {
            settles_in: milliseconds(*settle),
            answers_within: here(milliseconds(*answers).0),
        },
        answers_within: here(BOARD_ANSWERS_MS),
        homes_within: milliseconds(plate.homes_within),
        buffer_lines: light.buffer_lines,
        // One byte of the ring is never used (Marlin `MarlinSerial`).
        buffer_bytes: u32::try_from(board.rx_buffer.saturating_sub(1)).unwrap_or(u32::MAX),
        burst_lead: milliseconds(light.burst_lead),
    };
    match profile.checked() {
        Ok(printer) => Some(printer),
        Err(exposure::Mistakes(mistakes)) => {
            for exposure::Mistake { key, why } in mistakes {
                // What it is, and behind that what to write.
                let (reason, instead) = why.split_once("; ").unwrap_or((&why, "correct it"));
                reader.overall(format!("{} {}", printer.name, key_of(&key)), reason, instead);
            }
            None
        }
    }
}

const OF_A_SHOWN_DISPLAY: [&str; 12] = [
    "framebuffer",
    "drm",
    "connector",
    "folder",
    "subpixels",
    "order",
    "bits",
    "flip_x",
    "flip_y",
    "rotate",
    "settle_ms",
    "answers_ms",
];
const OF_A_SWITCHED_LIGHT: [&str; 6] =
    ["on", "off", "timed_by", "buffer_lines", "burst_lead_ms", "hottest_c"];

/// Its own board shows masks and switches the light.
fn none_of(reader: &mut Reader<'_>, section: Option<&Section<'_>>, keys: &[&str]) {
    let Some(section) = section else { return };
    for key in keys.iter().filter(|key| section.table.contains_key(**key)) {
        let why = "the board of a \"chitu\" printer does that by itself";
        reader.overall(section.key(key), why, "take this line away");
    }
}

/// A whole number that fits, within a range that does.
fn small<T: TryFrom<u64>>(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &str,
    unit: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Option<T> {
    reader.number(section, key, unit, range).and_then(|found| T::try_from(found.value).ok())
}

/// Both or neither.
fn pair<T>(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    keys: [&str; 2],
    values: [Option<T>; 2],
) -> Option<[T; 2]> {
    if section.table.contains_key(keys[0]) != section.table.contains_key(keys[1]) {
        let reason = format!("{} and {} belong together", keys[0], keys[1]);
        reader.overall(section.key(keys[0]), reason, "write both, or neither");
    }
    let [one, other] = values;
    Some([one?, other?])
}

fn panel(reader: &mut Reader<'_>, section: &Section<'_>) -> Panel {
    let points = ["columns", "rows"].map(|key| small(reader, section, key, "points", 16..=32_768));
    let points = pair(reader, section, ["columns", "rows"], points);
    let sides = ["point_x_um", "point_y_um"];
    let point_nm = sides.map(|key| {
        let found = reader.decimal(section, key, "µm", 1.0..=500.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "within 1000 to 500000")]
        Some((found.value * 1_000.0).round() as u32)
    });
    let point_nm = pair(reader, section, sides, point_nm);
    let axes = ["mirrored_x", "mirrored_y"];
    let mirrored = axes.map(|key| reader.flag(section, key).map(|found| found.value));
    let mirrored = pair(reader, section, axes, mirrored);
    Panel { points, point_nm, mirrored }
}

fn longest_exposure(
    reader: &mut Reader<'_>,
    printer: &Section<'_>,
    light: Option<&Section<'_>>,
) -> Option<Duration> {
    const INSTEAD: &str = "write the longest that any layer of any resin may be lit there, in seconds";
    let key = "longest_exposure_s";
    let Some(section) = light.filter(|light| light.table.contains_key(key)) else {
        reader.missing(format!("{} light.{key}", printer.name), INSTEAD);
        return None;
    };
    let found = reader.decimal(section, key, "seconds", 0.1..=600.0)?;
    Some(Duration::from_secs_f64(found.value))
}

fn vat(reader: &mut Reader<'_>, printer: &Section<'_>) -> Option<Vat> {
    let Some(section) = part(reader, printer, "vat") else {
        let instead =
            "write [printer.vat] with holds_ml and keeps_ml: what it takes, and what has to stay in it";
        reader.missing(format!("{} vat", printer.name), instead);
        return None;
    };
    let mut volume = |key: &str, least: f64, instead: &str| {
        if !section.table.contains_key(key) {
            reader.missing(section.key(key), instead);
        }
        let found = reader.decimal(&section, key, "millilitres", least..=20_000.0)?;
        Some((Microlitres::from_ml(found.value)?, found.at))
    };
    let holds = volume("holds_ml", 1.0, "write what the vat takes at most, in millilitres");
    let keeps = volume("keeps_ml", 0.0, "write what has to stay in it so that the film is covered");
    let resin_days = small(reader, &section, "resin_days", "days", 1..=365);
    let ((holds, _), (keeps, at)) = (holds?, keeps?);
    if keeps >= holds {
        reader.wrong(&at, "a full vat would give nothing", "write less than holds_ml");
    }
    Some(Vat { holds, keeps, resin_days })
}

/// What people count and look at.
fn people(reader: &mut Reader<'_>, printer: &Section<'_>) -> (Wear, BTreeSet<Item>) {
    let all: BTreeSet<Item> = Item::ALL.into();
    let unjudged =
        Wear { display_life_h: None, film_life_layers: None, warn_at_percent: WARN_AT_PERCENT, bars: false };
    let Some(section) = part(reader, printer, "resin") else { return (unjudged, all) };
    let display_life_h = small(reader, &section, "display_life_h", "hours", 1..=1_000_000);
    let film_life_layers = small(reader, &section, "film_life_layers", "layers", 1..=100_000_000);
    let warn_at_percent = small(reader, &section, "warn_at_percent", "percent", 1..=100);
    let bars = reader.flag(&section, "worn_bars").is_some_and(|found| found.value);
    let wear = Wear {
        display_life_h,
        film_life_layers,
        warn_at_percent: warn_at_percent.unwrap_or(WARN_AT_PERCENT),
        bars,
    };
    if !section.table.contains_key("checklist") {
        return (wear, all);
    }
    let mut items = BTreeSet::new();
    for found in reader.texts(&section, "checklist") {
        match Item::named(&found.value) {
            Some(item) => drop(items.insert(item)),
            None => {
                let words = Item::ALL.map(Item::word);
                let instead = meant(&found.value, &words, format!("write some of {}", words.join(", ")));
                reader.wrong(&found.at, "this is nothing of a checklist", instead);
            }
        }
    }
    (wear, items)
}

/// One of these words; `default` where there is none or another, which is told then.
fn choice<T: Copy>(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &str,
    words: &[(&str, T)],
    reason: &str,
    default: T,
) -> T {
    let Some(found) = reader.text(section, key) else { return default };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == found.value) {
        return *value;
    }
    let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let instead = meant(&found.value, &words, format!("write one of {}", words.join(", ")));
    reader.wrong(&found.at, reason, instead);
    default
}

type ShownDisplay = (Sink, Packing, Duration, Duration);

/// How masks are shown; the display has to be known as a whole.
fn shown(
    reader: &mut Reader<'_>,
    printer: &Section<'_>,
    section: Option<&Section<'_>>,
    panel: Panel,
) -> Option<ShownDisplay> {
    let Some(section) = section else {
        let instead =
            "write [printer.display] with columns, rows, point_x_um, point_y_um and where masks are shown";
        reader.missing(format!("{} display", printer.name), instead);
        return None;
    };
    let mut needed = |is_there: bool, key: &str, instead: &str| {
        if !is_there && !section.table.contains_key(key) {
            reader.missing(section.key(key), instead);
        }
    };
    needed(panel.points.is_some(), "columns", "write columns and rows: the points of its display");
    needed(panel.point_nm.is_some(), "point_x_um", "write point_x_um and point_y_um: the sides of a point");
    let sink = sink(reader, section);
    let packing = packing(reader, section, panel);
    let points = panel.points.map(|[columns, rows]| u64::from(columns) * u64::from(rows));
    if points.is_some_and(|points| points > POINTS_MAX) {
        let reason = format!("no display has more than {POINTS_MAX} points");
        reader.overall(section.key("columns"), reason, "correct columns and rows");
    }
    if !matches!(sink, None | Some(Sink::Framebuffer { .. })) && !BITS.contains(&packing.bits) {
        let reason = "a card and a folder take pictures of no other bits";
        reader.overall(section.key("bits"), reason, "write \"8-8-8\" or \"5-6-5\"");
    }
    let settle = reader.number(section, "settle_ms", "milliseconds", 0..=10_000);
    let answers = reader.number(section, "answers_ms", "milliseconds", 10..=600_000);
    let millis = |found: Option<Found<u64>>, default| {
        Duration::from_millis(found.map_or(default, |found| found.value))
    };
    Some((sink?, packing, millis(settle, SETTLE_MS), millis(answers, DISPLAY_ANSWERS_MS)))
}

/// Where pictures go: exactly one place.
fn sink(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Sink> {
    const PLACES: [&str; 3] = ["framebuffer", "drm", "folder"];
    const INSTEAD: &str = "write framebuffer = \"/dev/fb0\", or drm = \"/dev/dri/card0\" with connector = \"HDMI-A-1\", or folder = \"/…\"";
    let mut path = |key: &str| {
        let found = reader.text(section, key)?;
        parse::absolute(reader, &found, key)
    };
    let [framebuffer, card, folder] = PLACES.map(&mut path);
    let given = PLACES.iter().filter(|key| section.table.contains_key(**key)).count();
    if given != 1 {
        let reason = if given == 0 { "it is not said where masks go" } else { "masks go to one place" };
        reader.overall(section.key("framebuffer"), reason, INSTEAD);
    }
    let connector = reader.text(section, "connector");
    match (&connector, section.table.contains_key("drm")) {
        (Some(found), false) => {
            let instead = "write drm = \"/dev/dri/card0\" beside it, or take this away";
            reader.wrong(&found.at, "a connector is one of a card", instead);
        }
        (None, true) if !section.table.contains_key("connector") => {
            let instead = "write its name, as in \"HDMI-A-1\" (ls /sys/class/drm shows them)";
            reader.missing(section.key("connector"), instead);
        }
        _ => {}
    }
    let connector = connector.and_then(|found| {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if (1..=32).contains(&found.value.len()) && found.value.chars().all(legal) {
            return Some(found.value);
        }
        reader.wrong(&found.at, "this is no name of a connector", "write it as in \"HDMI-A-1\"");
        None
    });
    match (framebuffer, card, folder) {
        _ if given != 1 => None,
        (Some(path), ..) => Some(Sink::Framebuffer { path }),
        (_, Some(card), _) => Some(Sink::Drm { card, connector: connector? }),
        (.., path) => Some(Sink::Folder { path: path? }),
    }
}

fn packing(reader: &mut Reader<'_>, section: &Section<'_>, panel: Panel) -> Packing {
    let mut one_of = |key: &str, unit: &str, known: &[u64], default: u64| {
        let Some(found) = reader.number(section, key, unit, 0..=1_000) else { return default };
        if known.contains(&found.value) {
            return found.value;
        }
        let known: Vec<_> = known.iter().map(ToString::to_string).collect();
        reader.wrong(&found.at, "no display is built so", format!("write one of {}", known.join(", ")));
        default
    };
    let subpixels = one_of("subpixels", "points in a pixel", &[1, 3], 1);
    let rotate = one_of("rotate", "degrees", &[0, 90, 180, 270], 0);
    let orders = [("rgb", Order::Rgb), ("bgr", Order::Bgr)];
    let order =
        choice(reader, section, "order", &orders, "a pixel has its colours in two orders", Order::Rgb);
    let bits = reader.text(section, "bits").map(|found| (bits(&found.value), found.at));
    if let Some((None, at)) = &bits {
        reader.wrong(at, "these are no bits of red, green and blue", "write \"8-8-8\" or \"5-6-5\"");
    }
    let bits = bits.and_then(|(bits, _)| bits).unwrap_or([8; 3]);
    let flip = ["flip_x", "flip_y"].map(|key| reader.flag(section, key).is_some_and(|found| found.value));
    // Three points of a row share a pixel: the row of the video mode, which is the display's column where it is turned.
    let upright = rotate == 0 || rotate == 180;
    let row = panel.points.map(|[columns, rows]| if upright { columns } else { rows });
    if subpixels == 3 && row.is_some_and(|row| row % 3 != 0) {
        let key = if upright { "columns" } else { "rows" };
        let reason = "three points share a pixel, and this is not three times any number of pixels";
        reader.overall(section.key(key), reason, "correct it, or subpixels, or rotate");
    }
    Packing {
        subpixels: if subpixels == 3 { 3 } else { 1 },
        order,
        bits,
        flip,
        rotate: u16::try_from(rotate).unwrap_or(0),
    }
}

/// `5-6-5`
fn bits(text: &str) -> Option<[u8; 3]> {
    let mut each = text.split('-').map(|bits| bits.parse::<u8>().ok().filter(|bits| (1..=8).contains(bits)));
    let bits = [each.next()??, each.next()??, each.next()??];
    each.next().is_none().then_some(bits)
}

/// One command of the board, or a list of them. `place` is what may be filled in.
fn commands(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &str,
    place: Option<&str>,
    instead: &str,
) -> Option<Vec<String>> {
    if !section.table.contains_key(key) {
        reader.missing(section.key(key), instead);
        return None;
    }
    let found = if reader.is_list(section, key) {
        reader.texts(section, key)
    } else {
        vec![reader.text(section, key)?]
    };
    if found.is_empty() || found.len() > LIGHT_LINES {
        let reason = format!("a light is switched by 1 to {LIGHT_LINES} commands");
        reader.overall(section.key(key), reason, instead);
        return None;
    }
    let mut lines = Vec::with_capacity(found.len());
    for found in found {
        lines.extend(command(reader, &found, place, instead));
    }
    (!lines.is_empty()).then_some(lines)
}

fn command(
    reader: &mut Reader<'_>,
    found: &Found<String>,
    place: Option<&str>,
    instead: &str,
) -> Option<String> {
    let line = &found.value;
    let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, ';' | '*');
    if line.is_empty() || line.trim() != line || line.len() > LINE_MAX || !line.chars().all(plain) {
        let reason =
            format!("this is no one command in ASCII, without a comment and up to {LINE_MAX} characters");
        reader.wrong(&found.at, reason, instead);
        return None;
    }
    let rest = place.map_or_else(|| line.clone(), |place| line.replace(&format!("{{{place}}}"), ""));
    if rest.contains(['{', '}']) {
        let reason = match place {
            Some(place) => format!("only {{{place}}} is filled in here"),
            None => "nothing is filled in here".into(),
        };
        reader.wrong(&found.at, reason, instead);
        return None;
    }
    Some(line.clone())
}

/// Whether a line that should end the light lights it: the command of a line of `on`, and not with nothing. Marlin's
/// `M106` and `M3` alone switch on (Marlin `M106_M107.cpp`, `M3-M5.cpp`).
fn leaves_on(on: &[String], off: &str) -> bool {
    fn code(line: &str) -> String {
        line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
    }
    if !on.iter().any(|line| code(line) == code(off)) {
        return false;
    }
    let value = off.split_whitespace().find_map(|word| {
        let word = word.to_ascii_uppercase();
        word.strip_prefix("VALUE=").or_else(|| word.strip_prefix('S'))?.parse::<f64>().ok()
    });
    value.map_or_else(|| ["M106", "M3"].contains(&code(off).as_str()), |value| value > 0.0)
}

fn light(reader: &mut Reader<'_>, printer: &Section<'_>, section: Option<&Section<'_>>) -> Option<Light> {
    const ON: &str = "write the command that lights the mask, as in on = \"M106 S{pwm}\"";
    const OFF: &str = "write the command that ends it, as in off = \"M107\"";
    let Some(section) = section else {
        let instead = "write [printer.light] with on, off and longest_exposure_s";
        reader.missing(format!("{} light", printer.name), instead);
        return None;
    };
    let on = commands(reader, section, "on", Some("pwm"), ON);
    let off = commands(reader, section, "off", None, OFF);
    if on.is_some() && on == off {
        reader.overall(section.key("off"), "this does what `on` does", OFF);
    }
    if let (Some(on), Some(off)) = (&on, &off)
        && off.iter().any(|off| leaves_on(on, off))
    {
        reader.overall(section.key("off"), "this leaves the light on", OFF);
    }
    let moves = |lines: &Option<Vec<String>>| lines.iter().flatten().any(|line| line.starts_with(['G', 'g']));
    for (key, lines) in [("on", &on), ("off", &off)] {
        if moves(lines) {
            let reason = "this moves the plate or waits, and here is only what switches the light";
            reader.overall(section.key(key), reason, "write the command of the light alone");
        }
    }
    let who = [("board", TimedBy::Board), ("host", TimedBy::Host)];
    let reason = "an exposure is timed by the board or by the host";
    let timed_by = choice(reader, section, "timed_by", &who, reason, TimedBy::Board);
    let buffer_lines = reader.number(section, "buffer_lines", "lines", 1..=256);
    let lines = buffer_lines.as_ref().map_or(BUFFER_LINES, |found| found.value);
    // Wait, on, dwell, off: the light goes off by what lies in the buffer when it goes on.
    let burst = on.as_ref().map_or(1, Vec::len) + off.as_ref().map_or(1, Vec::len) + 2;
    if timed_by == TimedBy::Board && usize::try_from(lines).is_ok_and(|lines| burst > lines) {
        let reason =
            format!("an exposure has {burst} lines up to light off, and the board holds {lines} at once");
        let instead = "switch the light with fewer lines, write what the board holds, or timed_by = \"host\"";
        match &buffer_lines {
            Some(found) => reader.wrong(&found.at, reason, instead),
            None => reader.overall(section.key("buffer_lines"), reason, instead),
        }
    }
    let lead = reader.number(section, "burst_lead_ms", "milliseconds", 0..=1_000);
    Some(Light {
        on: on?,
        off: off?,
        timed_by,
        buffer_lines: u32::try_from(lines).unwrap_or(u32::MAX),
        burst_lead: Duration::from_millis(lead.map_or(0, |found| found.value)),
        hottest_c: small(reader, section, "hottest_c", "°C", 30..=150),
    })
}

/// `None` where there is no switch, or a mistake, which is told then.
fn cover(reader: &mut Reader<'_>, printer: &Section<'_>, light: Option<&Light>) -> Option<Cover> {
    const ASK: &str = "write the command that it answers with its switches, as in ask = \"M119\"";
    let section = part(reader, printer, "cover")?;
    let ask = match reader.text(&section, "ask") {
        None => Some("M119".to_owned()),
        Some(found) => {
            let moves = found.value.starts_with(['G', 'g']);
            let switches =
                light.is_some_and(|light| light.on.iter().chain(&light.off).any(|line| *line == found.value));
            if moves || switches {
                reader.wrong(&found.at, "this does something, and is asked again and again", ASK);
            }
            command(reader, &found, None, ASK)
        }
    };
    let mut text = |key: &str, instead: &str| {
        if !section.table.contains_key(key) {
            reader.missing(section.key(key), instead);
        }
        let found = reader.text(&section, key)?;
        let plain = |c: char| matches!(c, ' '..='~');
        if !(2..=LINE_MAX).contains(&found.value.len()) || !found.value.chars().all(plain) {
            let reason = format!("no answer can be told by this: 2 to {LINE_MAX} characters in ASCII");
            reader.wrong(&found.at, reason, instead);
            return None;
        }
        Some((found.value, found.at))
    };
    let open = text("open", "write what its answer holds while the cover is open: \"filament: open\"");
    let closed = text("closed", "write what it holds while it is closed: \"filament: TRIGGERED\"");
    let ((open, _), (closed, at)) = (open?, closed?);
    if open.contains(&closed) || closed.contains(&open) {
        let reason = "one of open and closed is part of the other, so that no answer tells which it is";
        reader.wrong(&at, reason, "write the name of the switch in front of both, as the answer has it");
        return None;
    }
    Some(Cover { ask: ask?, open, closed })
}

/// µm of millimetres; ten metres at most.
fn length(reader: &mut Reader<'_>, section: &Section<'_>, key: &str, most: f64) -> Option<u32> {
    let found = reader.decimal(section, key, "mm", 0.0..=most)?;
    micrometres(found.value)
}

/// Through `Height`, which rounds to the nearest µm and has no other lengths.
fn micrometres(mm: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, reason = "a height is at most ten million µm")]
    Height::from_mm(mm).map(|height| (height.mm() * 1_000.0).round() as u32)
}

/// µm/s of millimetres a minute, as slicers write speeds.
fn speed(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<(u32, At)> {
    let found = reader.decimal(section, key, "mm a minute", 0.06..=60_000.0)?;
    Some((micrometres(found.value / 60.0)?, found.at))
}

fn plate(reader: &mut Reader<'_>, printer: &Section<'_>, build_height: Option<u16>) -> Option<Plate> {
    if build_height.is_none() {
        let instead = "write how far its plate goes up, in mm, above the sections";
        reader.missing(format!("{} build_height", printer.name), instead);
    }
    let Some(section) = part(reader, printer, "plate") else {
        let instead = "write [printer.plate] with homes, travel_mm_min and fastest_mm_min";
        reader.missing(format!("{} plate", printer.name), instead);
        return None;
    };
    let most = f64::from(build_height.unwrap_or(5_000));
    let home = reader.text(&section, "home");
    let home = home.map_or_else(
        || Some("G28 Z".to_owned()),
        |found| command(reader, &found, None, "write the command that homes the plate, as in \"G28 Z\""),
    );
    if !section.table.contains_key("homes") {
        let instead =
            "write \"down\" where homing ends at the display, which would crush a part into it, or \"up\"";
        reader.missing(section.key("homes"), instead);
    }
    let ways = [("up", false), ("down", true)];
    let homes_down = choice(reader, &section, "homes", &ways, "a plate homes up or down", true);
    let mut needed = |key: &str, instead: &str| {
        if !section.table.contains_key(key) {
            reader.missing(section.key(key), instead);
        }
        speed(reader, &section, key)
    };
    let travel = needed("travel_mm_min", "write how fast it goes to a pause and up at the end");
    let fastest = needed("fastest_mm_min", "write the speed above which no file may move it");
    if let (Some((travel, at)), Some((fastest, _))) = (&travel, &fastest)
        && travel > fastest
    {
        reader.wrong(at, "this is faster than it may move", "write at most fastest_mm_min");
    }
    let raise_at_pause_um = length(reader, &section, "raise_at_pause_mm", most).unwrap_or(0);
    let raise_at_end_um = length(reader, &section, "raise_at_end_mm", most);
    let motors_off_at_end = reader.flag(&section, "motors_off_at_end").is_some_and(|found| found.value);
    let mut millis = |key: &str| {
        let found = reader.number(&section, key, "milliseconds", 0..=3_600_000);
        Duration::from_millis(found.map_or(0, |found| found.value))
    };
    let (first_layer_rest, rest_after_pause) = (millis("first_layer_rest_ms"), millis("rest_after_pause_ms"));
    let long_pause = reader.number(&section, "long_pause_min", "minutes", 1..=1_440);
    let homes_within = reader.number(&section, "homes_within_s", "seconds", 1..=3_600);
    Some(Plate {
        home: home?,
        homes_down,
        height_um: u32::from(build_height?) * 1_000,
        travel_um_s: travel?.0,
        fastest_um_s: fastest?.0,
        raise_at_pause_um,
        raise_at_end_um,
        motors_off_at_end,
        first_layer_rest,
        rest_after_pause,
        long_pause: long_pause.map(|found| Duration::from_secs(found.value * 60)),
        homes_within: Duration::from_secs(homes_within.map_or(120, |found| found.value)),
    })
}

fn peel(reader: &mut Reader<'_>, section: &Section<'_>) -> Peel {
    let mut rest = |key: &str| small(reader, section, key, "milliseconds", 0..=3_600_000);
    let [rest_before_lift_ms, rest_after_lift_ms, rest_before_light_ms] =
        ["rest_before_lift_ms", "rest_after_lift_ms", "rest_before_light_ms"].map(&mut rest);
    let mut way = |key: &str| length(reader, section, key, 1_000.0);
    let [lift_um, second_lift_um, second_retract_um] =
        ["lift_mm", "second_lift_mm", "second_retract_mm"].map(&mut way);
    let mut fast = |key: &str| speed(reader, section, key).map(|(speed, _)| speed);
    let [lift_um_s, second_lift_um_s, retract_um_s, second_retract_um_s] =
        ["lift_mm_min", "second_lift_mm_min", "retract_mm_min", "second_retract_mm_min"].map(&mut fast);
    Peel {
        rest_before_lift_ms,
        lift_um,
        lift_um_s,
        second_lift_um,
        second_lift_um_s,
        rest_after_lift_ms,
        retract_um_s,
        second_retract_um,
        second_retract_um_s,
        rest_before_light_ms,
    }
}

/// Files may leave all of it open, so it has to be here.
fn needed_peel(reader: &mut Reader<'_>, printer: &Section<'_>) -> Option<Peel> {
    let Some(section) = part(reader, printer, "peel") else {
        let instead = "write [printer.peel] with lift_mm, lift_mm_min and retract_mm_min";
        reader.missing(format!("{} peel", printer.name), instead);
        return None;
    };
    let peel = peel(reader, &section);
    for key in ["lift_mm", "lift_mm_min", "retract_mm_min"] {
        if !section.table.contains_key(key) {
            reader.missing(section.key(key), "write it: files may leave it open");
        }
    }
    for (way, speed) in
        [("second_lift_mm", "second_lift_mm_min"), ("second_retract_mm", "second_retract_mm_min")]
    {
        if section.table.contains_key(way) && !section.table.contains_key(speed) {
            reader.missing(section.key(speed), format!("write how fast the way of {way} is"));
        }
    }
    let is_whole = peel.lift_um.is_some() && peel.lift_um_s.is_some() && peel.retract_um_s.is_some();
    is_whole.then_some(peel)
}

fn bottom(reader: &mut Reader<'_>, printer: &Section<'_>) -> Bottom {
    let Some(section) = part(reader, printer, "bottom_peel") else { return Bottom::default() };
    let layers = small(reader, &section, "layers", "layers", 0..=1_000).unwrap_or(0);
    let transition: Option<Found<u64>> = reader.number(&section, "transition_layers", "layers", 0..=1_000);
    if let Some(found) = transition.as_ref().filter(|found| found.value > 0 && layers == 0) {
        reader.wrong(&found.at, "there is no bottom layer to come from", "write layers = … beside it, or 0");
    }
    let transition = transition.and_then(|found| u32::try_from(found.value).ok()).unwrap_or(0);
    Bottom { layers, transition, peel: peel(reader, &section) }
}

fn chitu(reader: &mut Reader<'_>, printer: &Section<'_>) -> Option<Chitu> {
    #[derive(Clone, Copy)]
    enum By {
        Usb,
        Operator,
        Uart,
    }
    let Some(section) = part(reader, printer, "delivery") else {
        let instead = "write [printer.delivery] with by = \"usb_gadget\", \"operator\" or \"uart_m28\"";
        reader.missing(format!("{} delivery", printer.name), instead);
        return None;
    };
    if !section.table.contains_key("by") {
        reader.missing(section.key("by"), "write how files come to it: usb_gadget, operator or uart_m28");
    }
    let words =
        [("usb_gadget", Some(By::Usb)), ("operator", Some(By::Operator)), ("uart_m28", Some(By::Uart))];
    let reason = "a file comes to such a board as a stick, by a person or over its port";
    let by = choice(reader, &section, "by", &words, reason, None);
    let mut path = |key: &str| {
        let found = reader.text(&section, key)?;
        Some((parse::absolute(reader, &found, key)?, found.at))
    };
    let (folder, image) = (path("folder"), path("image"));
    let delivery = match (by, folder, image) {
        (None, ..) => None,
        (Some(By::Usb), Some(_), Some((_, at))) => {
            reader.wrong(&at, "the stick is a folder or an image", "take one of the two away");
            None
        }
        (Some(By::Usb), Some((path, _)), None) => Some(Delivery::UsbFolder { path }),
        (Some(By::Usb), None, Some((path, _))) => Some(Delivery::UsbImage { path }),
        (Some(By::Usb), None, None) => {
            let has_one = ["folder", "image"].iter().any(|key| section.table.contains_key(*key));
            if !has_one {
                let instead = "write folder = \"/…\", where the stick is mounted here, or image = \"/…\"";
                reader.missing(section.key("folder"), instead);
            }
            None
        }
        (Some(by), folder, image) => {
            for (_, at) in [folder, image].into_iter().flatten() {
                reader.wrong(&at, "only a usb_gadget has that", "take this line away");
            }
            Some(if matches!(by, By::Uart) { Delivery::Uart } else { Delivery::Operator })
        }
    };
    let ways = [("auto", StartWay::Auto), ("m6030", StartWay::M6030), ("m23_m24", StartWay::M23M24)];
    let reason = "a board begins to print in one of these ways";
    let start = choice(reader, &section, "start", &ways, reason, StartWay::Auto);
    let gap = reader.number(&section, "gap_ms", "milliseconds", 20..=10_000);
    let gap = Duration::from_millis(gap.map_or(GAP_MS, |found| found.value));
    Some(Chitu { delivery: delivery?, start, gap })
}
