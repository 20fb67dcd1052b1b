//! SL1, as PrusaSlicer writes it: settings as lines of text, and a picture for each layer (facts C.1).
//!
//! ```text
//! config.ini        what is printed: exposures, layer height, how many layers, how long
//! prusaslicer.ini   all settings of the slicer: the display, the first layer's height, notes (may be missing)
//! <jobDir>00000.png …   grey, of the display's size, without gaps
//! ```
//! What no setting is there for, how a layer comes off the film, stands in the notes on the resin or the printer as
//! UVtools has it: `LiftHeight_6.0` (millimetres, millimetres a minute, seconds; facts C.1).

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use archive::Archive;

use crate::file::{Claims, FileError, Format, Limits, MaskAccess, ResinFile};
use crate::layer::{Layer, Peel};
use crate::machine::Mirrored;
use crate::picture::{Names, Pictures, shown, text};
use crate::timing::{Estimate, FAST_TILT, FULL, SLOW_TILT};
use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

const FORMAT: &str = "SL1";
pub(crate) const CONFIG: &str = "config.ini";
const SLICER: &str = "prusaslicer.ini";

/// How long each layer is lit: three as long as the first, then less with each, then all alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Seconds.
    pub first: f64,
    pub exposure: f64,
    /// Layers between the two.
    pub faded: u32,
}

impl Schedule {
    /// Of a layer, counted from 0, as Prusa's own printer lights it (sla-fw, facts C.2), s.
    #[must_use]
    pub fn seconds(&self, layer: u32) -> f64 {
        if layer < FULL {
            self.first
        } else if self.is_bottom(layer) {
            let step = (self.first - self.exposure) / (f64::from(self.faded) + 1.0);
            self.first - f64::from(layer + 1 - FULL) * step
        } else {
            self.exposure
        }
    }

    /// Whether a layer is one of the first, which are lit longer and peeled as the notes say of bottom layers.
    #[must_use]
    pub fn is_bottom(&self, layer: u32) -> bool {
        layer < self.faded.saturating_add(FULL)
    }
}

/// `key = value` lines of one file in the archive.
struct Settings {
    file: &'static str,
    values: BTreeMap<String, String>,
}

impl Settings {
    fn read<R: Read + Seek>(
        archive: &mut Archive<R>,
        file: &'static str,
        limits: &Limits,
    ) -> Result<Option<Self>, FileError> {
        let Some(text) = text(archive, FORMAT, file, limits)? else { return Ok(None) };
        let mut values = BTreeMap::new();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let (key, value) = (key.trim(), value.trim());
            match values.insert(key.to_owned(), value.to_owned()) {
                Some(before) if before != value => {
                    let what =
                        format!("{file} says {} twice, {} and {}", shown(key), shown(&before), shown(value));
                    return Err(FileError::Contradiction { format: FORMAT, what });
                }
                _ => {}
            }
        }
        Ok(Some(Self { file, values }))
    }

    /// What is empty is not said.
    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn wrong(&self, key: &str, what: String) -> FileError {
        FileError::Value { format: FORMAT, place: format!("{}, {key}", self.file), what }
    }

    fn number(&self, key: &str) -> Result<Option<f64>, FileError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.wrong(key, format!("{} is no number", shown(text))))
    }

    fn count(&self, key: &str) -> Result<Option<u32>, FileError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let number = text.parse::<u32>();
        number.map(Some).map_err(|_| self.wrong(key, format!("{} is no number of things", shown(text))))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, FileError> {
        match self.text(key) {
            None => Ok(None),
            Some("0") => Ok(Some(false)),
            Some("1") => Ok(Some(true)),
            Some(other) => Err(self.wrong(key, format!("{} is neither 0 nor 1", shown(other)))),
        }
    }
}

/// Both files of settings.
struct Both {
    config: Settings,
    slicer: Settings,
}

impl Both {
    /// A number that both may say, and that they have to say alike.
    fn number(&self, config: &str, slicer: &str, what: &'static str) -> Result<f64, FileError> {
        match (self.config.number(config)?, self.slicer.number(slicer)?) {
            (Some(own), Some(other)) if (own - other).abs() > own.abs() * 1e-6 => {
                let what = format!("{config} in {CONFIG} is {own}, and {slicer} in {SLICER} is {other}");
                Err(FileError::Contradiction { format: FORMAT, what })
            }
            (Some(one), _) | (None, Some(one)) => Ok(one),
            (None, None) => Err(FileError::Missing { format: FORMAT, what }),
        }
    }
}

/// Its settings, and its pictures ready to be read.
pub(crate) fn open<R: Read + Seek>(
    mut archive: Archive<R>,
    limits: &Limits,
) -> Result<(ResinFile, Pictures<R>), FileError> {
    let config = Settings::read(&mut archive, CONFIG, limits)?;
    let config = config.ok_or(FileError::Missing { format: FORMAT, what: "what is printed (config.ini)" })?;
    let slicer = Settings::read(&mut archive, SLICER, limits)?;
    let slicer = slicer.unwrap_or(Settings { file: SLICER, values: BTreeMap::new() });
    let both = Both { config, slicer };
    let (config, slicer) = (&both.config, &both.slicer);
    refuse_what_is_no_print(config)?;

    let stem = config.text("jobDir").unwrap_or("").to_ascii_lowercase();
    // Pictures for people lie in folders; what lies beside the layers may be taken for one.
    let is_stray = |name: &str| name.ends_with(".png") && !name.contains('/');
    let pictures = Pictures::open(archive, Format::Sl1, Names::Sl1 { stem }, is_stray, limits)?;
    let counts = [config.count("numFast")?, config.count("numSlow")?];
    if let [Some(fast), Some(slow)] = counts
        && fast.checked_add(slow) != Some(pictures.layers)
    {
        let (said, found) = (u64::from(fast) + u64::from(slow), pictures.layers);
        let what = format!("{CONFIG} says {said} layers, and there are {found} pictures");
        return Err(FileError::Contradiction { format: FORMAT, what });
    }
    let display = Display::of(slicer)?;
    if let Some(said) = display.points
        && said != pictures.header.points
    {
        let ([width, height], [columns, rows]) = (pictures.header.points, said);
        let what =
            format!("its pictures have {width} by {height} points, and its display has {columns} by {rows}");
        return Err(FileError::Contradiction { format: FORMAT, what });
    }

    let height = both.number("layerHeight", "layer_height", "how high a layer is (layerHeight)")?;
    let first_height = slicer.number("initial_layer_height")?.unwrap_or(height);
    let exposure = both.number("expTime", "exposure_time", "how long a layer is lit (expTime)")?;
    let first = both.number(
        "expTimeFirst",
        "initial_exposure_time",
        "how long the first layers are lit (expTimeFirst)",
    )?;
    let faded = both.number("numFade", "faded_layers", "over how many layers the light fades (numFade)")?;
    let faded =
        whole(faded).ok_or_else(|| config.wrong("numFade", format!("{faded} is no number of layers")))?;
    let schedule = Schedule { first, exposure, faded };
    let layers = layers(&both, pictures.layers, [first_height, height], &schedule)?;

    let named = |settings: &Settings, key| settings.text(key).map(str::to_owned);
    let estimate = counts[0].zip(counts[1]).map(|(fast_layers, slow_layers)| {
        let tilt = |key, usual| Ok(slicer.number(key)?.unwrap_or(usual));
        Ok(Estimate {
            exposure,
            first_exposure: first,
            faded,
            height,
            first_height,
            fast_tilt: tilt("fast_tilt_time", FAST_TILT)?,
            slow_tilt: tilt("slow_tilt_time", SLOW_TILT)?,
            fast_layers,
            slow_layers,
        })
    });
    let claims = Claims {
        layers: counts[0].zip(counts[1]).and_then(|(fast, slow)| fast.checked_add(slow)),
        seconds: config.number("printTime")?,
        millilitres: config.number("usedMaterial")?,
        material: named(config, "materialName").or_else(|| named(slicer, "sla_material_settings_id")),
        printer: named(config, "printerModel").or_else(|| named(slicer, "printer_model")),
        print_profile: named(config, "printProfile").or_else(|| named(slicer, "sla_print_settings_id")),
        printer_profile: named(config, "printerProfile").or_else(|| named(slicer, "printer_settings_id")),
        slicer: named(config, "prusaSlicerVersion"),
        estimate: estimate.transpose()?,
    };
    let file = ResinFile {
        format: Format::Sl1,
        masks: MaskAccess::Readable { points: pictures.header.points },
        point: display.point,
        mirrored: display.mirrored,
        layer_height: Micrometres::of_millimetres(height),
        layers,
        claims,
    };
    Ok((file, pictures))
}

/// What Prusa's printers do with other files of this kind is not done here.
fn refuse_what_is_no_print(config: &Settings) -> Result<(), FileError> {
    let unsupported = |what: String| Err(FileError::Unsupported { format: FORMAT, what });
    match config.text("action") {
        None | Some("print") => {}
        Some(other) => return unsupported(format!("its action is {} and not `print`", shown(other))),
    }
    match config.count("calibrateRegions")? {
        None | Some(0) => Ok(()),
        Some(regions) => unsupported(format!("it is a trial with {regions} regions lit differently")),
    }
}

/// A number of things that was read as any number.
fn whole(number: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only kept in the range")]
    let whole =
        (number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0).then_some(number as u32);
    whole
}

/// What the slicer's settings say of the display, as masks have it.
struct Display {
    points: Option<[u32; 2]>,
    point: Option<[f64; 2]>,
    mirrored: Option<Mirrored>,
}

impl Display {
    fn of(slicer: &Settings) -> Result<Self, FileError> {
        let is_portrait = match slicer.text("display_orientation") {
            None | Some("landscape") => false,
            Some("portrait") => true,
            Some(other) => {
                let what = format!("{} is neither landscape nor portrait", shown(other));
                return Err(slicer.wrong("display_orientation", what));
            }
        };
        // Upright, a picture is written with its sides changed.
        let turn = |[x, y]: [Option<f64>; 2]| if is_portrait { [y, x] } else { [x, y] };
        let counts = [slicer.count("display_pixels_x")?, slicer.count("display_pixels_y")?];
        let points = match counts {
            [Some(x), Some(y)] => Some(if is_portrait { [y, x] } else { [x, y] }),
            _ => None,
        };
        let sides = turn([slicer.number("display_width")?, slicer.number("display_height")?]);
        let point = match (points, sides) {
            (Some([columns, rows]), [Some(width), Some(height)]) => {
                let point = [width * 1e3 / f64::from(columns), height * 1e3 / f64::from(rows)];
                if !point.iter().all(|side| side.is_finite() && *side > 0.0) {
                    let what = format!("points of {} by {} µm are none", point[0], point[1]);
                    return Err(slicer.wrong("display_width", what));
                }
                Some(point)
            }
            _ => None,
        };
        let mirrors = [slicer.flag("display_mirror_x")?, slicer.flag("display_mirror_y")?];
        let mirrored = mirrors[0].zip(mirrors[1]).map(|(x, y)| Mirrored { x, y });
        Ok(Self { points, point, mirrored })
    }
}

/// Where each layer is, and how it is lit and peeled. `heights` are mm: of the first layer, and of the others.
fn layers(both: &Both, count: u32, heights: [f64; 2], schedule: &Schedule) -> Result<Vec<Layer>, FileError> {
    for (settings, key, height) in
        [(&both.slicer, "initial_layer_height", heights[0]), (&both.config, "layerHeight", heights[1])]
    {
        if Micrometres::of_millimetres(height).is_none_or(|height| height.0 <= 0) {
            return Err(settings.wrong(key, format!("{height} mm is no height of a layer")));
        }
    }
    for (key, seconds) in [("expTimeFirst", schedule.first), ("expTime", schedule.exposure)] {
        if Milliseconds::of_seconds(seconds).is_none_or(|lit| lit.0 == 0) {
            return Err(both.config.wrong(key, format!("a layer would be lit for {seconds} s")));
        }
    }
    let notes = Notes::of(&both.slicer)?;
    let (bottom, other) = (notes.peel(true)?, notes.peel(false)?);
    let light = [notes.light(true)?, notes.light(false)?];
    let layer = |number: u32| {
        // From the plate each time, so that what a layer is rounded by does not add up.
        let top = heights[0] + f64::from(number) * heights[1];
        // Between the two that were looked at.
        let exposure = Milliseconds::of_seconds(schedule.seconds(number)).unwrap_or_default();
        let is_bottom = schedule.is_bottom(number);
        Ok(Layer {
            top: Micrometres::of_millimetres(top)
                .ok_or_else(|| both.config.wrong("layerHeight", format!("it would be {top} mm high")))?,
            exposure,
            light: if is_bottom { light[0] } else { light[1] },
            peel: if is_bottom { bottom } else { other },
            pause: false,
            ends_at: None,
        })
    };
    (0..count).map(layer).collect()
}

/// What notes say that no setting is there for: `Name_number`, in letters of any size, among whatever else they say.
struct Notes {
    /// Of the resin, then of the printer: the first that says something counts.
    values: [BTreeMap<String, f64>; 2],
}

/// Words of UVtools' `SL1File` without "Bottom", which any of them may have before it.
const WORDS: [&str; 11] = [
    "LiftHeight",
    "LiftSpeed",
    "LiftHeight2",
    "LiftSpeed2",
    "RetractSpeed",
    "RetractHeight2",
    "RetractSpeed2",
    "WaitTimeBeforeCure",
    "WaitTimeAfterCure",
    "WaitTimeAfterLift",
    "LightPWM",
];

impl Notes {
    fn of(slicer: &Settings) -> Result<Self, FileError> {
        let one = |key: &'static str| {
            let mut values = BTreeMap::new();
            // The slicer writes the end of a line as two letters.
            let notes = slicer.text(key).unwrap_or("").replace("\\n", " ").replace("\\r", " ");
            for note in notes.split(|c: char| c.is_whitespace() || matches!(c, '"' | ';' | ',')) {
                let Some((word, value)) = note.split_once('_') else { continue };
                let word = word.to_ascii_lowercase();
                let plain = word.strip_prefix("bottom").unwrap_or(&word);
                if !WORDS.iter().any(|known| known.eq_ignore_ascii_case(plain)) {
                    continue;
                }
                let number = value.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
                let number = number
                    .ok_or_else(|| slicer.wrong(key, format!("{} does not end in a number", shown(note))))?;
                if values.insert(word, number).is_some_and(|before| before != number) {
                    let what = format!("{key} in {SLICER} says {} twice, and otherwise", shown(note));
                    return Err(FileError::Contradiction { format: FORMAT, what });
                }
            }
            Ok(values)
        };
        Ok(Self { values: [one("material_notes")?, one("printer_notes")?] })
    }

    /// Of bottom layers, which do as others where nothing is said of them.
    fn number(&self, word: &str, is_bottom: bool) -> Option<f64> {
        let word = word.to_ascii_lowercase();
        let find = |word: &str| self.values.iter().find_map(|notes| notes.get(word)).copied();
        let bottom = if is_bottom { find(&format!("bottom{word}")) } else { None };
        bottom.or_else(|| find(&word))
    }

    fn convert<T>(
        &self,
        word: &str,
        is_bottom: bool,
        convert: impl Fn(f64) -> Option<T>,
    ) -> Result<Option<T>, FileError> {
        let Some(number) = self.number(word, is_bottom) else { return Ok(None) };
        convert(number).map(Some).ok_or_else(|| FileError::Value {
            format: FORMAT,
            place: format!("{SLICER}, notes, {word}"),
            what: format!("no printer does {number}"),
        })
    }

    fn peel(&self, is_bottom: bool) -> Result<Peel, FileError> {
        let length = |word| self.convert(word, is_bottom, Micrometres::of_millimetres);
        let speed = |word| self.convert(word, is_bottom, MicrometresPerSecond::of_millimetres_per_minute);
        let rest = |word| self.convert(word, is_bottom, Milliseconds::of_seconds);
        Ok(Peel {
            rest_before_lift: rest("WaitTimeAfterCure")?,
            lift: length("LiftHeight")?,
            lift_speed: speed("LiftSpeed")?,
            second_lift: length("LiftHeight2")?,
            second_lift_speed: speed("LiftSpeed2")?,
            rest_after_lift: rest("WaitTimeAfterLift")?,
            retract_speed: speed("RetractSpeed")?,
            second_retract: length("RetractHeight2")?,
            second_retract_speed: speed("RetractSpeed2")?,
            rest_before_light: rest("WaitTimeBeforeCure")?,
        })
    }

    fn light(&self, is_bottom: bool) -> Result<Option<u8>, FileError> {
        self.convert("LightPWM", is_bottom, |number| u8::try_from(whole(number)?).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use archive::sample::Zip;

    use super::*;
    use crate::file::{LIMITS, Mask, Masks, read};
    use crate::layer::LayerIndex;
    use crate::sample::{Settings as Sample, png};

    fn masks(layers: u32) -> Vec<Mask> {
        let disc = |at| Mask::dark(48, 32).with_ellipse([24.0, 16.0], [6.0 + f64::from(at), 8.0]);
        (0..layers).map(disc).collect()
    }

    /// With its two files of settings, and pictures called as they are.
    fn zipped(config: &str, slicer: Option<&str>, names: &[&str]) -> Vec<u8> {
        let zip = Zip::default().file("config.ini", config.as_bytes());
        let zip = slicer.iter().fold(zip, |zip, slicer| zip.file("prusaslicer.ini", slicer.as_bytes()));
        let picture = png(&masks(1)[0]);
        names.iter().fold(zip, |zip, name| zip.file(name, &picture)).bytes()
    }

    fn told(file: &[u8]) -> Result<ResinFile, FileError> {
        read(&mut Cursor::new(file), &LIMITS)
    }

    const NAMES: [&str; 3] = ["sample00000.png", "sample00001.png", "sample00002.png"];

    fn settings() -> [String; 2] {
        Sample::default().sl1_settings(&masks(3))
    }

    #[test]
    fn a_file_says_its_layers_its_display_and_what_the_slicer_claims() {
        let sample = Sample { height: 0.035, first_height: 0.1, ..Sample::default() };
        let masks = masks(9);
        let (file, mut open) = Masks::open(Cursor::new(sample.sl1(&masks)), &LIMITS).unwrap();
        assert_eq!(file, told(&sample.sl1(&masks)).unwrap());
        assert_eq!((file.format, file.masks), (Format::Sl1, MaskAccess::Readable { points: [48, 32] }));
        assert_eq!(file.point, Some([50.0, 50.0]));
        assert_eq!(file.mirrored, Some(Mirrored::default()));
        // 0.035 * 1000 is less than 35 where it is cut and not rounded.
        assert_eq!(file.layer_height, Some(Micrometres(35)));
        let tops: Vec<_> = file.layers.iter().map(|layer| layer.top.0).collect();
        assert_eq!(tops, [100, 135, 170, 205, 240, 275, 310, 345, 380]);
        assert_eq!(file.thickness(LayerIndex(0)), Some(Micrometres(100)));
        assert_eq!(file.thickness(LayerIndex(8)), Some(Micrometres(35)));
        assert_eq!(file.thickness(LayerIndex(9)), None);
        let lit: Vec<_> = file.layers.iter().map(|layer| layer.exposure.0).collect();
        assert_eq!(lit, [20_000, 20_000, 20_000, 16_400, 12_800, 9_200, 5_600, 2_000, 2_000]);
        assert_eq!(file.claims.layers, Some(9));
        assert_eq!(file.claims.material.as_deref(), Some("Generic resin"));
        assert!(file.claims.estimate.unwrap().agrees(file.claims.seconds.unwrap()));
        let mut mask = Mask::default();
        for (at, wanted) in (0..9).zip(&masks).rev() {
            open.layer(LayerIndex(at), &mut mask).unwrap();
            assert_eq!(&mask, wanted);
        }
        assert!(open.layer(LayerIndex(9), &mut mask).unwrap_err().to_string().contains("layer 10"));
    }

    #[test]
    fn heights_do_not_drift_over_thousands_of_layers() {
        for (height, tops) in [(0.035, [35, 35_000]), (0.0125, [13, 12_500]), (0.1, [100, 100_000])] {
            let sample = Sample { height, first_height: height, ..Sample::default() };
            let both = sample.sl1_settings(&masks(1)).map(|text| {
                let values = text.lines().filter_map(|line| line.split_once(" = "));
                values.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
            });
            let [config, slicer] = both;
            let both = Both {
                config: Settings { file: CONFIG, values: config },
                slicer: Settings { file: SLICER, values: slicer },
            };
            let schedule = Schedule { first: 20.0, exposure: 2.0, faded: 4 };
            let layers = layers(&both, 1000, [height; 2], &schedule).unwrap();
            assert_eq!([layers[0].top.0, layers[999].top.0], tops, "{height}");
        }
    }

    #[test]
    fn an_upright_display_has_the_sides_of_its_masks_changed() {
        let [config, slicer] = settings();
        let slicer = slicer
            .replace("display_orientation = landscape", "display_orientation = portrait")
            .replace("display_pixels_x = 48", "display_pixels_x = 32")
            .replace("display_pixels_y = 32", "display_pixels_y = 48")
            .replace("display_width = 2.4", "display_width = 3.2")
            .replace("display_mirror_x = 0", "display_mirror_x = 1");
        let file = told(&zipped(&config, Some(&slicer), &NAMES)).unwrap();
        // 3.2 mm over 32 rows; 1.6 over 48 columns.
        let [x, y] = file.point.unwrap();
        assert!((x - 1600.0 / 48.0).abs() < 1e-9 && (y - 100.0).abs() < 1e-9, "{x} {y}");
        assert_eq!(file.mirrored, Some(Mirrored { x: true, y: false }));
    }

    #[test]
    fn notes_say_how_a_layer_comes_off_the_film() {
        let note = |notes: &[&str]| {
            let notes = notes.iter().map(|note| (*note).to_owned()).collect();
            let sample = Sample { notes, ..Sample::default() };
            told(&sample.sl1(&masks(9)))
        };
        let file = note(&[
            "For grey resin; shake it",
            "liftheight_6.0",
            "LiftSpeed_60",
            "RetractSpeed_150",
            "BottomLiftHeight_8",
            "WaitTimeBeforeCure_2.5",
            "Batch_7 LightPWM_200",
        ])
        .unwrap();
        let (bottom, other) = (file.layers[6], file.layers[7]);
        assert_eq!(other.peel.lift, Some(Micrometres(6_000)));
        assert_eq!(other.peel.lift_speed, Some(MicrometresPerSecond(1_000)));
        assert_eq!(other.peel.retract_speed, Some(MicrometresPerSecond(2_500)));
        assert_eq!(other.peel.rest_before_light, Some(Milliseconds(2_500)));
        assert_eq!((other.peel.second_lift, other.light), (None, Some(200)));
        assert_eq!(bottom.peel, Peel { lift: Some(Micrometres(8_000)), ..other.peel });
        assert_eq!(note(&[]).unwrap().layers[0].peel, Peel::default());
        for (notes, what) in [
            (&["LiftHeight_high"][..], "`LiftHeight_high` does not end in a number"),
            (&["LiftHeight_-3"], "does not end in a number"),
            (&["LiftSpeed_0"], "prusaslicer.ini, notes, LiftSpeed: no printer does 0"),
            (&["LightPWM_256"], "no printer does 256"),
            (&["LiftHeight_6", "LIFTHEIGHT_7"], "twice"),
        ] {
            let error = note(notes).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn what_is_empty_or_unknown_or_missing_beside_is_not_needed() {
        let config = "action = print\njobDir = Sample\n[section]\nexpTime = 8\nexpTimeFirst=35\nlayerHeight = 0.05\n\
                      materialName = \nnumFade = 10\nnewThing = 7\nprintTime = \n";
        let file = told(&zipped(config, None, &NAMES)).unwrap();
        assert_eq!((file.layers.len(), file.point, file.mirrored), (3, None, None));
        assert_eq!(file.claims, Claims::default());
        assert_eq!(file.layers[0].top, Micrometres(50));
        let pictures = [&NAMES[..], &["thumbnail/thumbnail400x400.png", "notes.txt"]].concat();
        assert!(told(&zipped(config, None, &pictures)).is_ok());
    }

    #[test]
    fn what_contradicts_or_cannot_be_is_refused_with_its_place() {
        let [config, slicer] = settings();
        let changed = |from: &str, to: &str| {
            assert!(config.contains(from) || slicer.contains(from), "{from}");
            told(&zipped(&config.replace(from, to), Some(&slicer.replace(from, to)), &NAMES))
        };
        assert!(changed("numSlow", "numSlow").is_ok());
        for (from, to, what) in [
            ("layerHeight = 0.05", "layerHeight = 0.1", "layerHeight in config.ini is 0.1, and layer_height"),
            ("expTime = 2", "expTime = 3", "exposure_time in prusaslicer.ini is 2"),
            ("expTime = 2", "expTime = two", "config.ini, expTime: `two` is no number"),
            ("expTime = 2", "expTime = NaN", "`NaN` is no number"),
            ("expTimeFirst = 20", "expTimeFirst = 20\nexpTimeFirst = 21", "says `expTimeFirst` twice"),
            ("numFade = 4", "numFade = 5", "faded_layers in prusaslicer.ini is 4"),
            ("numFast = 3", "numFast = 4", "config.ini says 4 layers, and there are 3 pictures"),
            ("numFast = 3", "numFast = -3", "`-3` is no number of things"),
            ("numSlow = 0", "numSlow = 4294967295", "says 4294967298 layers"),
            (
                "display_pixels_x = 48",
                "display_pixels_x = 49",
                "48 by 32 points, and its display has 49 by 32",
            ),
            ("display_width = 2.4", "display_width = 0", "prusaslicer.ini, display_width"),
            ("display_orientation = landscape", "display_orientation = up", "neither landscape nor portrait"),
            ("display_mirror_x = 0", "display_mirror_x = yes", "`yes` is neither 0 nor 1"),
            ("initial_layer_height = 0.05", "initial_layer_height = 0", "0 mm is no height of a layer"),
            ("initial_layer_height = 0.05", "initial_layer_height = 0.0004", "0.0004 mm is no height"),
            ("action = print", "action = calibrate", "its action is `calibrate`"),
            ("action = print", "calibrateRegions = 8", "8 regions"),
            ("jobDir = sample", "jobDir = other", "`sample00000.png` is none of its layers"),
        ] {
            let error = changed(from, to).unwrap_err().to_string();
            assert!(error.contains(what), "{to}: {error}");
        }
        for (from, to, what) in [
            ("0.05", "0", "0 mm is no height of a layer"),
            ("= 2\n", "= 0\n", "a layer would be lit for 0 s"),
            ("= 2\n", "= 100000\n", "a layer would be lit for 100000 s"),
            ("= 4\n", "= 4.5\n", "4.5 is no number of layers"),
        ] {
            let error = changed(from, to).unwrap_err().to_string();
            assert!(error.contains(what), "{to}: {error}");
        }
        for key in ["layerHeight", "expTime ", "expTimeFirst", "numFade"] {
            let without = |text: &str| {
                text.lines()
                    .filter(|line| !line.starts_with(key))
                    .fold(String::new(), |text, line| text + line + "\n")
            };
            let error = told(&zipped(&without(&config), None, &NAMES)).unwrap_err();
            assert!(matches!(error, FileError::Missing { .. }), "{key}: {error}");
        }
    }

    #[test]
    fn a_layer_that_is_missing_or_too_much_is_told_by_its_number() {
        let config = settings()[0].replace("numFast", "x");
        for (names, what) in [
            (&["sample00000.png", "sample00002.png"][..], "the picture of layer 2 is missing"),
            (&["sample00001.png", "sample00002.png"], "the picture of layer 1 is missing"),
            (&[], "it has no picture of any layer; the first would be `sample00000.png`"),
            (&["sample00000.png", "sample0001.png"], "`sample0001.png` is none of its layers"),
            (&["sample00000.png", "sample000001.png"], "none of its layers"),
            (&["sample00000.png", "cover.png"], "`cover.png` is none of its layers"),
        ] {
            let error = told(&zipped(&config, None, names)).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let limits = Limits { layers: 2, ..LIMITS };
        let error = read(&mut Cursor::new(zipped(&config, None, &NAMES)), &limits).unwrap_err().to_string();
        assert!(error.contains("too many layers: 3, and 2 are the most"), "{error}");
        let limits = Limits { points: 48 * 32 - 1, ..LIMITS };
        let error = read(&mut Cursor::new(zipped(&config, None, &NAMES)), &limits).unwrap_err().to_string();
        assert!(error.contains("too many points in a layer: 1536, and 1535"), "{error}");
        let limits = Limits { text: 100, ..LIMITS };
        let error = read(&mut Cursor::new(zipped(&config, None, &NAMES)), &limits).unwrap_err().to_string();
        assert!(error.contains("too long a text in it"), "{error}");
    }

    #[test]
    fn light_fades_from_the_fourth_layer_as_on_prusas_own_printer() {
        let schedule = Schedule { first: 35.0, exposure: 8.0, faded: 10 };
        let step = 27.0 / 11.0;
        for (layer, seconds) in
            [(0, 35.0), (2, 35.0), (3, 35.0 - step), (12, 8.0 + step), (13, 8.0), (u32::MAX, 8.0)]
        {
            assert!((schedule.seconds(layer) - seconds).abs() < 1e-9, "{layer}");
        }
        let none = Schedule { faded: 0, ..schedule };
        assert_eq!([none.seconds(2), none.seconds(3)], [35.0, 8.0]);
        let most = Schedule { faded: u32::MAX, ..schedule };
        assert!(most.seconds(u32::MAX) < 35.0);
    }
}
