//! NanoDLP's plate: tables in JSON, and a picture for each layer (facts C.3).
//!
//! ```text
//! meta.json      what wrote it            plate.json     how many layers, where to stop
//! slicer.json    the display, a layer     profile.json   the resin: exposures, rests, lifts
//! override.json  settings of this plate before the profile's     info.json   what is lit, layer by layer
//! 1.png 2.png …  grey, or three points side by side as red, green and blue; without gaps
//! ```
//! Names and units of the fields are those of NanoDLP's own list (its `docs`, "Accessing NanoDLP context") and of
//! UVtools' `NanoDLPFile`: heights of layers in µm, lifts and points in mm, times in s. G-code in it is never sent, and
//! formulas in it are not calculated: what they would decide is refused or left to the printer's profile.

use std::io::{BufReader, Read, Seek};

use archive::Archive;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::file::{Claims, FileError, Format, Limits, MaskAccess, ResinFile};
use crate::layer::{Layer, Peel};
use crate::machine::Mirrored;
use crate::picture::{Names, Pictures, Samples, of_archive, shown, text};
use crate::units::{Micrometres, Milliseconds};

const FORMAT: &str = "NanoDLP file";
pub(crate) const META: &str = "meta.json";
pub(crate) const PLATE: &str = "plate.json";
pub(crate) const PROFILE: &str = "profile.json";
pub(crate) const SLICER: &str = "slicer.json";
const OVERRIDE: &str = "override.json";
const INFO: &str = "info.json";
/// Bytes that a layer has in the list of areas: nine numbers with their names.
const INFO_LAYER: u64 = 1024;

/// One table.
struct Table {
    file: &'static str,
    values: Map<String, Value>,
}

impl Table {
    fn read<R: Read + Seek>(
        archive: &mut Archive<R>,
        file: &'static str,
        limits: &Limits,
    ) -> Result<Option<Self>, FileError> {
        let Some(text) = text(archive, FORMAT, file, limits)? else { return Ok(None) };
        match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(Value::Object(values)) => Ok(Some(Self { file, values })),
            Ok(_) => {
                Err(FileError::Damaged { format: FORMAT, what: format!("{file} is no table of settings") })
            }
            Err(error) => Err(FileError::Damaged { format: FORMAT, what: format!("{file}: {error}") }),
        }
    }

    fn none(file: &'static str) -> Self {
        Self { file, values: Map::new() }
    }

    fn wrong(&self, key: &str, what: String) -> FileError {
        FileError::Value { format: FORMAT, place: format!("{}, {key}", self.file), what }
    }

    /// What is empty is not said.
    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// As a number or as text.
    fn number(&self, key: &str) -> Result<Option<f64>, FileError> {
        let found = match self.values.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Bool(_)) => None,
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(other) => other.as_f64(),
        };
        let found = found.filter(|number: &f64| number.is_finite());
        found.map(Some).ok_or_else(|| self.wrong(key, "it is no number".into()))
    }

    /// Zero is what Go writes for what is not said.
    fn positive(&self, key: &str) -> Result<Option<f64>, FileError> {
        match self.number(key)? {
            Some(number) if number < 0.0 => Err(self.wrong(key, format!("{number} is below nothing"))),
            Some(number) => Ok(Some(number).filter(|number| *number > 0.0)),
            None => Ok(None),
        }
    }

    fn count(&self, key: &str) -> Result<Option<u32>, FileError> {
        let Some(number) = self.positive(key)? else { return Ok(None) };
        let fits = number.fract() == 0.0 && number <= f64::from(u32::MAX);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only kept in the range")]
        let count = fits.then_some(number as u32);
        count.map(Some).ok_or_else(|| self.wrong(key, format!("{number} is no number of things")))
    }

    /// Whether a list or text has anything in it.
    fn says(&self, key: &str) -> bool {
        match self.values.get(key) {
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::String(text)) => !text.trim().is_empty(),
            _ => false,
        }
    }
}

/// The resin's settings: those of this plate before the profile's.
struct Resin {
    own: Table,
    profile: Table,
}

impl Resin {
    /// The table that says a setting, and what it says.
    fn number(&self, key: &str) -> Result<(&Table, Option<f64>), FileError> {
        for table in [&self.own, &self.profile] {
            if let Some(number) = table.number(key)? {
                return Ok((table, Some(number)));
            }
        }
        Ok((&self.profile, None))
    }

    fn convert<T>(&self, key: &str, convert: impl Fn(f64) -> Option<T>) -> Result<Option<T>, FileError> {
        let (table, number) = self.number(key)?;
        let Some(number) = number else { return Ok(None) };
        let converted = convert(number).map(Some);
        converted.ok_or_else(|| table.wrong(key, format!("no printer does {number}")))
    }

    /// A formula, before which a plain number does not count.
    fn has_formula(&self, key: &str) -> bool {
        self.own.says(key) || self.profile.says(key)
    }

    fn exposure(&self, key: &'static str, what: &'static str) -> Result<f64, FileError> {
        let (table, seconds) = self.number(key)?;
        let seconds = seconds.ok_or(FileError::Missing { format: FORMAT, what })?;
        let lit = Milliseconds::of_seconds(seconds).filter(|lit| lit.0 > 0);
        lit.map(|_| seconds).ok_or_else(|| table.wrong(key, format!("a layer would be lit for {seconds} s")))
    }

    /// How layers come off the film; of bottom layers with "Support" before each name. A lift of nothing is none that
    /// was chosen, and is left to the printer.
    fn peel(&self, is_bottom: bool) -> Result<Peel, FileError> {
        let key = |name: &str| if is_bottom { format!("Support{name}") } else { name.to_owned() };
        let rest = |name| self.convert(&key(name), Milliseconds::of_seconds);
        let lift = if self.has_formula("DynamicLift") {
            None
        } else {
            self.convert(&key("WaitHeight"), Micrometres::of_millimetres)?.filter(|lift| lift.0 != 0)
        };
        if lift.is_some_and(|lift| lift.0 < 0) {
            return Err(self.profile.wrong(&key("WaitHeight"), "a lift goes up".into()));
        }
        let by_formula = self.has_formula("DynamicWaitAfterLift");
        Ok(Peel {
            rest_before_lift: rest("WaitAfterPrint")?,
            lift,
            rest_after_lift: if by_formula { None } else { rest("TopWait")? },
            rest_before_light: rest("WaitBeforePrint")?,
            ..Peel::default()
        })
    }

    /// Brightness, which some printers have among values of their own, of 1.
    fn light(&self) -> Result<Option<u8>, FileError> {
        const KEY: &str = "UvPwmValue";
        for table in [&self.own, &self.profile] {
            let Some(Value::Object(values)) = table.values.get("CustomValues") else { continue };
            let custom = Table { file: table.file, values: values.clone() };
            let Some(part) = custom.number(KEY)? else { continue };
            if !(0.0..=1.0).contains(&part) || part == 0.0 {
                return Err(custom.wrong(KEY, format!("{part} is no part of full light")));
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held to 0 to 1")]
            return Ok(Some((part * 255.0).round() as u8));
        }
        Ok(None)
    }
}

/// Its settings, and its pictures ready to be read.
pub(crate) fn open<R: Read + Seek>(
    mut archive: Archive<R>,
    limits: &Limits,
) -> Result<(ResinFile, Pictures<R>), FileError> {
    let mut table = |file| Table::read(&mut archive, file, limits);
    let profile = table(PROFILE)?;
    let profile = profile.ok_or(FileError::Missing {
        format: FORMAT,
        what: "how its resin is lit (profile.json); export it with its profile",
    })?;
    let resin = Resin { own: table(OVERRIDE)?.unwrap_or_else(|| Table::none(OVERRIDE)), profile };
    let mut optional = |file| Ok::<_, FileError>(table(file)?.unwrap_or_else(|| Table::none(file)));
    let (meta, plate, slicer) = (optional(META)?, optional(PLATE)?, optional(SLICER)?);
    refuse_what_is_not_known(&plate, &slicer, &resin)?;

    let info = areas(&mut archive, limits)?;
    let is_stray = |name: &str| {
        let digits = name.strip_suffix(".png").unwrap_or("");
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    let pictures = Pictures::open(archive, Format::NanoDlp, Names::NanoDlp, is_stray, limits)?;
    let count = pictures.layers;
    let said = [(&plate, "LayersCount"), (&slicer, "LayerCount")];
    for (table, key) in said {
        if let Some(said) = table.count(key)?
            && said != count
        {
            let what = format!("{key} in {} is {said}, and there are {count} pictures", table.file);
            return Err(FileError::Contradiction { format: FORMAT, what });
        }
    }
    if let Some(info) = &info
        && info.layers != u64::from(count)
    {
        let what = format!("{INFO} has {} layers, and there are {count} pictures", info.layers);
        return Err(FileError::Contradiction { format: FORMAT, what });
    }
    check_display(&slicer, &pictures)?;

    let bottoms = bottoms(&slicer, &resin)?;
    let heights = heights(&slicer, &resin, bottoms)?;
    let mut layers = layers(&resin, count, bottoms, heights)?;
    for number in stops(&plate)? {
        let at = number.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let layer = at
            .and_then(|at| layers.get_mut(at))
            .ok_or_else(|| plate.wrong("StopLayers", format!("there is no layer {number}, of {count}")))?;
        layer.pause = true;
    }

    let sides = [slicer.positive("XPixelSize")?, slicer.positive("YPixelSize")?];
    let point = sides[0].zip(sides[1]).map(|(x, y)| [x * 1e3, y * 1e3]);
    let mirrored = slicer.number("ImageMirror")?.map(|mirror| Mirrored { x: mirror != 0.0, y: false });
    let program = meta.text("Program").map(|program| match meta.text("Version") {
        Some(version) => format!("{program} {version}"),
        None => program.to_owned(),
    });
    let volume = |areas: &Areas| {
        let thick = |number: u32| heights.of(number).0 as f64 / 1e6;
        let sum = |known: &[f64]| (0..count).zip(known).map(|(number, area)| area * thick(number)).sum();
        areas.known.as_deref().map(sum)
    };
    let claims = Claims {
        layers: plate.count("LayersCount")?,
        seconds: plate.positive("PrintEst")?.or(plate.positive("PrintTime")?),
        millilitres: info.as_ref().and_then(volume),
        material: resin.profile.text("Title").map(str::to_owned),
        printer: meta.text("Distro").filter(|distro| *distro != "generic").map(str::to_owned),
        print_profile: plate.text("Profile").map(str::to_owned),
        printer_profile: None,
        slicer: program,
        estimate: None,
    };
    let file = ResinFile {
        format: Format::NanoDlp,
        masks: MaskAccess::Readable { points: pictures.header.points },
        point,
        mirrored,
        layer_height: Some(heights.other),
        layers,
        claims,
    };
    Ok((file, pictures))
}

/// What decides over a layer and is not understood here.
fn refuse_what_is_not_known(plate: &Table, slicer: &Table, resin: &Resin) -> Result<(), FileError> {
    let unsupported = |what: &str| Err(FileError::Unsupported { format: FORMAT, what: what.into() });
    if resin.has_formula("DynamicCureTime") {
        return unsupported("how long a layer is lit is a formula (DynamicCureTime)");
    }
    if plate.says("MultiCure") || plate.says("CureTimes") {
        return unsupported("its layers are lit several times (MultiCure, CureTimes)");
    }
    let several = plate.says("MultiThickness") || plate.says("DynamicThickness");
    if several || slicer.says("MultiThickness") || slicer.says("DynamicThickness") {
        return unsupported("its layers are of several heights (MultiThickness, DynamicThickness)");
    }
    if resin.number("AdaptSlicing")?.1.is_some_and(|adapt| adapt != 0.0) {
        return unsupported("its layers are as high as the part wants (AdaptSlicing)");
    }
    let is_true = |key: &str| plate.values.get(key) == Some(&Value::Bool(true));
    if is_true("ReSliceNeeded") {
        return unsupported("its settings were changed after it was sliced (ReSliceNeeded)");
    }
    if is_true("Corrupted") {
        return Err(FileError::Damaged {
            format: FORMAT,
            what: format!("{PLATE} says so itself (Corrupted)"),
        });
    }
    Ok(())
}

/// Whether its pictures are those of the display that it was sliced for.
fn check_display<R: Read + Seek>(slicer: &Table, pictures: &Pictures<R>) -> Result<(), FileError> {
    let [width, height] = pictures.header.points;
    let said = slicer.count("PWidth")?.zip(slicer.count("PHeight")?);
    match (said, pictures.header.samples) {
        (Some((columns, rows)), _) if (columns, rows) == (width, height) => Ok(()),
        (Some((columns, _)), Samples::ThreeInOne) if columns == width / 3 => {
            let what = "its pictures are in colour, for a display of colours".into();
            Err(FileError::Unsupported { format: FORMAT, what })
        }
        (Some((columns, rows)), _) => {
            let what = format!(
                "its pictures have {width} by {height} points, and its display has {columns} by {rows} (PWidth, PHeight)"
            );
            Err(FileError::Contradiction { format: FORMAT, what })
        }
        (None, Samples::Grey) => Ok(()),
        (None, Samples::ThreeInOne) => {
            let what = format!("its pictures are in colour, and no {SLICER} says of what display");
            Err(FileError::Unsupported { format: FORMAT, what })
        }
    }
}

/// The first layers, which are lit longer.
fn bottoms(slicer: &Table, resin: &Resin) -> Result<u32, FileError> {
    const KEY: &str = "SupportLayerNumber";
    for table in [&resin.own, &resin.profile, slicer] {
        if table.number(KEY)?.is_some() {
            return Ok(table.count(KEY)?.unwrap_or(0));
        }
    }
    Err(FileError::Missing { format: FORMAT, what: "how many layers are lit longer (SupportLayerNumber)" })
}

/// How high a layer is, µm.
#[derive(Clone, Copy, Debug)]
struct Heights {
    bottoms: u32,
    bottom: f64,
    others: f64,
    other: Micrometres,
}

impl Heights {
    /// Of the upper side of a layer, mm; from the plate each time, so that no rounding adds up.
    fn top(&self, layer: u32) -> f64 {
        let below = layer.saturating_add(1).min(self.bottoms);
        let above = layer.saturating_add(1) - below;
        (f64::from(below) * self.bottom + f64::from(above) * self.others) / 1e3
    }

    fn of(&self, layer: u32) -> Micrometres {
        let micrometres = if layer < self.bottoms { self.bottom } else { self.others };
        Micrometres::of_millimetres(micrometres / 1e3).unwrap_or(self.other)
    }
}

fn heights(slicer: &Table, resin: &Resin, bottoms: u32) -> Result<Heights, FileError> {
    let both = |own: &str, other: &str| match (slicer.positive(own)?, resin.profile.positive(other)?) {
        (Some(sliced), Some(meant)) if (sliced - meant).abs() > meant * 1e-6 => {
            let what = format!("{own} in {SLICER} is {sliced} µm, and {other} in {PROFILE} is {meant}");
            Err(FileError::Contradiction { format: FORMAT, what })
        }
        (sliced, meant) => Ok(sliced.or(meant)),
    };
    let others = both("Thickness", "Depth")?;
    let others = others.ok_or(FileError::Missing {
        format: FORMAT,
        what: "how high a layer is (Thickness in slicer.json, Depth in profile.json)",
    })?;
    let bottom = if bottoms > 0 { both("SupportDepth", "SupportDepth")?.unwrap_or(others) } else { others };
    let height = |micrometres: f64| {
        let height = Micrometres::of_millimetres(micrometres / 1e3).filter(|height| height.0 > 0);
        height
            .ok_or_else(|| resin.profile.wrong("Depth", format!("{micrometres} µm is no height of a layer")))
    };
    height(bottom)?;
    Ok(Heights { bottoms, bottom, others, other: height(others)? })
}

/// Bottom layers all alike, then less light with each transitional layer in even steps, then all alike: as UVtools
/// counts them; NanoDLP's own documents do not say how it does.
fn layers(resin: &Resin, count: u32, bottoms: u32, heights: Heights) -> Result<Vec<Layer>, FileError> {
    let exposure = resin.exposure("CureTime", "how long a layer is lit (CureTime)")?;
    let first = if bottoms > 0 {
        resin.exposure("SupportCureTime", "how long the first layers are lit (SupportCureTime)")?
    } else {
        exposure
    };
    let fading = match resin.number("TransitionalLayer")? {
        (table, Some(_)) => table.count("TransitionalLayer")?.unwrap_or(0),
        (_, None) => 0,
    };
    let step = (first - exposure) / (f64::from(fading) + 1.0);
    let peels = [resin.peel(true)?, resin.peel(false)?];
    let light = resin.light()?;
    let layer = |number: u32| {
        let seconds = match number.checked_sub(bottoms) {
            None => first,
            Some(above) if above < fading && bottoms > 0 => first - (f64::from(above) + 1.0) * step,
            Some(_) => exposure,
        };
        let top = heights.top(number);
        Ok(Layer {
            top: Micrometres::of_millimetres(top)
                .ok_or_else(|| resin.profile.wrong("Depth", format!("it would be {top} mm high")))?,
            exposure: Milliseconds::of_seconds(seconds)
                .ok_or_else(|| resin.profile.wrong("CureTime", format!("{seconds} s is no time")))?,
            light,
            peel: peels[usize::from(number >= bottoms)],
            pause: false,
            ends_at: None,
        })
    };
    (0..count).map(layer).collect()
}

/// Layers before which a person is wanted, counted from 1.
fn stops(plate: &Table) -> Result<Vec<u32>, FileError> {
    const KEY: &str = "StopLayers";
    let wrong = |word: &str| plate.wrong(KEY, format!("{} is no layer", shown(word)));
    match plate.values.get(KEY) {
        Some(Value::String(text)) => {
            let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
            let words = words.filter(|word| !word.is_empty());
            words.map(|word| word.parse().map_err(|_| wrong(word))).collect()
        }
        Some(Value::Array(list)) => {
            let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
            list.iter().map(|value| number(value).ok_or_else(|| wrong(&value.to_string()))).collect()
        }
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(other) => Err(wrong(&other.to_string())),
    }
}

/// What is lit of each layer, mm², where all of them say it.
struct Areas {
    layers: u64,
    known: Option<Vec<f64>>,
}

/// One layer of the list of areas.
#[derive(Deserialize)]
struct Area {
    #[serde(rename = "TotalSolidArea")]
    lit: Option<f64>,
}

fn areas<R: Read + Seek>(archive: &mut Archive<R>, limits: &Limits) -> Result<Option<Areas>, FileError> {
    let Some(found) = archive.size(INFO) else { return Ok(None) };
    let max = u64::from(limits.layers) * INFO_LAYER;
    if found > max {
        return Err(FileError::TooMuch { what: "too long a list of areas in it", found, max });
    }
    let content = archive.read(INFO).map_err(|error| of_archive(FORMAT, error))?;
    let list = serde_json::from_reader::<_, Option<AreaList>>(BufReader::new(content.take(max + 1)));
    let list = list.map_err(|error| {
        if error.is_io() {
            return of_archive(FORMAT, std::io::Error::from(error).into());
        }
        FileError::Damaged { format: FORMAT, what: format!("{INFO}: {error}") }
    })?;
    Ok(list.map(|list| list.0))
}

struct AreaList(Areas);

impl<'de> Deserialize<'de> for AreaList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self(Areas { layers: 0, known: Some(Vec::new()) }))
    }
}

/// One layer after the other, so that a long list of nothing takes eight bytes for each.
impl<'de> Visitor<'de> for AreaList {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of layers")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self, A::Error> {
        while let Some(area) = list.next_element::<Area>()? {
            self.0.layers += 1;
            let lit = area.lit.filter(|lit| lit.is_finite() && *lit >= 0.0);
            self.0.known = self.0.known.zip(lit).map(|(mut known, lit)| {
                known.push(lit);
                known
            });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use archive::sample::Zip;
    use serde_json::json;

    use super::*;
    use crate::file::{LIMITS, Mask, Masks, read};
    use crate::layer::LayerIndex;
    use crate::sample::{Settings, png, png_of_three};

    fn masks(layers: u32) -> Vec<Mask> {
        let disc = |at| Mask::dark(48, 32).with_ellipse([24.0, 16.0], [6.0 + f64::from(at), 8.0]);
        (0..layers).map(disc).collect()
    }

    /// A file of three layers with one field of one table changed; `null` takes it out, and the table with no field.
    fn changed(table: &str, key: &str, value: Value) -> Result<ResinFile, FileError> {
        let masks = masks(3);
        let mut tables = Settings::default().nanodlp_tables(&masks);
        if tables.iter().all(|(name, _)| *name != table) {
            tables.push((OVERRIDE, json!({})));
        }
        for (name, content) in &mut tables {
            if *name == table && !key.is_empty() {
                content[key] = value.clone();
            }
        }
        tables.retain(|(name, _)| *name != table || !key.is_empty());
        let pictures: Vec<_> = masks.iter().map(png).collect();
        read(&mut Cursor::new(zipped(&tables, &pictures)), &LIMITS)
    }

    fn zipped(tables: &[(&str, Value)], pictures: &[Vec<u8>]) -> Vec<u8> {
        let table =
            |zip: Zip, (name, content): &(&str, Value)| zip.file(name, content.to_string().as_bytes());
        let zip = tables.iter().fold(Zip::default(), table);
        let picture =
            |zip: Zip, (at, picture): (usize, &Vec<u8>)| zip.file(&format!("{}.png", at + 1), picture);
        pictures.iter().enumerate().fold(zip, picture).bytes()
    }

    #[test]
    fn a_file_says_its_layers_its_display_and_what_the_slicer_claims() {
        let masks = masks(9);
        let sample = Settings { height: 0.035, ..Settings::default() };
        let (file, mut open) = Masks::open(Cursor::new(sample.nanodlp(&masks)), &LIMITS).unwrap();
        assert_eq!((file.format, file.masks), (Format::NanoDlp, MaskAccess::Readable { points: [48, 32] }));
        assert_eq!((file.point, file.layer_height), (Some([50.0, 50.0]), Some(Micrometres(35))));
        let tops: Vec<_> = file.layers.iter().map(|layer| layer.top.0).collect();
        assert_eq!(tops, [35, 70, 105, 140, 175, 210, 245, 280, 315]);
        let lit: Vec<_> = file.layers.iter().map(|layer| layer.exposure.0).collect();
        assert_eq!(lit, [20_000, 20_000, 20_000, 16_400, 12_800, 9_200, 5_600, 2_000, 2_000]);
        let peel = |lift, before| Peel {
            lift: Some(Micrometres(lift)),
            rest_before_light: Some(Milliseconds(before)),
            rest_before_lift: Some(Milliseconds(500)),
            rest_after_lift: Some(Milliseconds(0)),
            ..Peel::default()
        };
        assert_eq!((file.layers[2].peel, file.layers[3].peel), (peel(6_000, 2_000), peel(5_000, 1_000)));
        let Claims { layers, seconds, millilitres, material, printer, .. } = file.claims.clone();
        assert_eq!((layers, seconds, printer), (Some(9), Some(108.0), None));
        assert_eq!(material.as_deref(), Some("Generic resin"));
        let counted: f64 = masks
            .iter()
            .map(|mask| {
                crate::budget::millilitres(crate::picture::survey(mask).grey, [50.0; 2], Micrometres(35))
            })
            .sum();
        assert!((millilitres.unwrap() - counted).abs() < 1e-9);
        let mut mask = Mask::default();
        for (at, wanted) in (0..9).zip(&masks).rev() {
            open.layer(LayerIndex(at), &mut mask).unwrap();
            assert_eq!(&mask, wanted);
        }
    }

    #[test]
    fn bottom_layers_of_their_own_height_lift_all_above_them() {
        let masks = masks(5);
        let mut tables = Settings::default().nanodlp_tables(&masks);
        for (name, content) in &mut tables {
            if [SLICER, PROFILE].contains(name) {
                content["SupportDepth"] = json!(100);
            }
        }
        let pictures: Vec<_> = masks.iter().map(png).collect();
        let file = read(&mut Cursor::new(zipped(&tables, &pictures)), &LIMITS).unwrap();
        let tops: Vec<_> = file.layers.iter().map(|layer| layer.top.0).collect();
        assert_eq!(tops, [100, 200, 300, 350, 400]);
    }

    #[test]
    fn settings_of_the_plate_come_before_the_resins_and_what_is_missing_is_not_said() {
        let file = changed(OVERRIDE, "CureTime", json!("3.5")).unwrap();
        assert_eq!(file.layers[0].exposure, Milliseconds(20_000));
        let file = changed(OVERRIDE, "SupportCureTime", json!(7)).unwrap();
        assert_eq!(file.layers[0].exposure, Milliseconds(7_000));
        let file = changed(OVERRIDE, "SupportLayerNumber", json!(0)).unwrap();
        assert_eq!(file.layers[0].exposure, Milliseconds(2_000));
        for table in [META, PLATE, SLICER, INFO] {
            assert!(changed(table, "", Value::Null).is_ok(), "{table}");
        }
        let file = changed(PROFILE, "WaitHeight", json!(0)).unwrap();
        assert_eq!(file.layers[2].peel.lift, Some(Micrometres(6_000)));
        let file = changed(PROFILE, "DynamicLift", json!("[[LayerNumber]]")).unwrap();
        assert_eq!(file.layers[2].peel.lift, None);
        let file = changed(PROFILE, "CustomValues", json!({ "UvPwmValue": "0.5" })).unwrap();
        assert_eq!(file.layers[2].light, Some(128));
        let file = changed(PLATE, "StopLayers", json!("2, 3")).unwrap();
        assert_eq!(file.layers.iter().map(|layer| layer.pause).collect::<Vec<_>>(), [false, true, true]);
        let file = changed(SLICER, "ImageMirror", json!(1)).unwrap();
        assert_eq!(file.mirrored, Some(Mirrored { x: true, y: false }));
    }

    #[test]
    fn what_contradicts_or_cannot_be_is_refused_with_its_place() {
        for (table, key, value, what) in [
            (PROFILE, "", json!(null), "how its resin is lit (profile.json)"),
            (PROFILE, "CureTime", json!(null), "does not say how long a layer is lit"),
            (PROFILE, "CureTime", json!("soon"), "profile.json, CureTime: it is no number"),
            (PROFILE, "CureTime", json!(0), "a layer would be lit for 0 s"),
            (PROFILE, "CureTime", json!(-1), "a layer would be lit for -1 s"),
            (PROFILE, "CureTime", json!(1e300), "a layer would be lit for"),
            (PROFILE, "SupportCureTime", json!(null), "how long the first layers are lit"),
            (PROFILE, "SupportLayerNumber", json!(null), "how many layers are lit longer"),
            (PROFILE, "SupportLayerNumber", json!(2.5), "2.5 is no number of things"),
            (PROFILE, "TransitionalLayer", json!(-1), "-1 is below nothing"),
            (
                PROFILE,
                "Depth",
                json!(60),
                "Thickness in slicer.json is 50 µm, and Depth in profile.json is 60",
            ),
            (PROFILE, "WaitHeight", json!(-5), "a lift goes up"),
            (PROFILE, "WaitHeight", json!(1e9), "no printer does 1000000000"),
            (PROFILE, "TopWait", json!(-5), "no printer does -5"),
            (PROFILE, "DynamicCureTime", json!("[[LayerNumber]]*2"), "is a formula"),
            (PROFILE, "AdaptSlicing", json!(1), "as high as the part wants"),
            (PROFILE, "CustomValues", json!({ "UvPwmValue": 2 }), "2 is no part of full light"),
            (PLATE, "LayersCount", json!(4), "LayersCount in plate.json is 4, and there are 3 pictures"),
            (SLICER, "LayerCount", json!(4), "LayerCount in slicer.json is 4"),
            (SLICER, "PWidth", json!(96), "48 by 32 points, and its display has 96 by 32"),
            (SLICER, "Thickness", json!(0.2), "Thickness in slicer.json is 0.2"),
            (PLATE, "StopLayers", json!("4"), "there is no layer 4, of 3"),
            (PLATE, "StopLayers", json!("0"), "there is no layer 0, of 3"),
            (PLATE, "StopLayers", json!("top"), "`top` is no layer"),
            (PLATE, "MultiCure", json!("1,2"), "lit several times"),
            (PLATE, "DynamicThickness", json!([50, 100]), "several heights"),
            (PLATE, "ReSliceNeeded", json!(true), "changed after it was sliced"),
            (PLATE, "Corrupted", json!(true), "says so itself"),
        ] {
            let error = changed(table, key, value).unwrap_err().to_string();
            assert!(error.contains(what), "{key}: {error}");
        }
    }

    #[test]
    fn a_table_that_is_none_is_told_by_its_name() {
        let picture = png(&masks(1)[0]);
        let good = Settings::default().nanodlp_tables(&masks(1));
        let text = |table: &str, text: &str| {
            let zip = good
                .iter()
                .filter(|(name, _)| *name != table)
                .fold(Zip::default(), |zip, (name, content)| zip.file(name, content.to_string().as_bytes()));
            let file = zip.file(table, text.as_bytes()).file("1.png", &picture).bytes();
            read(&mut Cursor::new(file), &LIMITS).map_err(|error| error.to_string())
        };
        assert!(text(META, "\u{feff}{}").is_ok());
        assert!(text(INFO, "null").is_ok());
        assert_eq!(text(INFO, "[{}]").unwrap().claims.millilitres, None);
        for (table, content, what) in [
            (PROFILE, "[]", "profile.json is no table of settings"),
            (PROFILE, "{", "profile.json: EOF"),
            (PLATE, "\u{0}", "plate.json: expected value"),
            (INFO, "{}", "info.json: invalid type"),
            (INFO, "[{},{}]", "info.json has 2 layers, and there are 1 pictures"),
            (INFO, "[7]", "info.json: invalid type"),
        ] {
            let error = text(table, content).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
        let deep = "[".repeat(100_000);
        assert!(text(META, &deep).is_err());
    }

    #[test]
    fn pictures_in_colour_are_masks_where_the_file_says_how_wide_they_are() {
        let masks = masks(3);
        let mut tables = Settings::default().nanodlp_tables(&masks);
        let three: Vec<_> = masks.iter().map(png_of_three).collect();
        let (file, mut open) = Masks::open(Cursor::new(zipped(&tables, &three)), &LIMITS).unwrap();
        assert_eq!(file.masks, MaskAccess::Readable { points: [48, 32] });
        let mut mask = Mask::default();
        open.layer(LayerIndex(2), &mut mask).unwrap();
        assert_eq!(mask, masks[2]);
        let refused = |tables: &[(&str, Value)], what| {
            let error = read(&mut Cursor::new(zipped(tables, &three)), &LIMITS).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        for (name, content) in &mut tables {
            if *name == SLICER {
                content["PWidth"] = json!(16);
            }
        }
        refused(&tables, "for a display of colours");
        tables.retain(|(name, _)| *name != SLICER);
        refused(&tables, "no slicer.json says of what display");
    }

    #[test]
    fn layers_are_counted_from_one_without_a_gap() {
        let picture = png(&masks(1)[0]);
        let tables = Settings::default().nanodlp_tables(&[]);
        let profile = tables.iter().find(|(name, _)| *name == PROFILE).unwrap().1.to_string();
        for (names, what) in [
            (&["1.png", "2.png", "3d.png"][..], None),
            (&["1.png", "3.png"], Some("the picture of layer 2 is missing")),
            (&["0.png", "1.png"], Some("`0.png` is none of its layers")),
            (&["1.png", "02.png"], Some("`02.png` is none of its layers")),
            (&["3d.png"], Some("the first would be `1.png`")),
        ] {
            let zip = Zip::default().file(PROFILE, profile.as_bytes());
            let file = names.iter().fold(zip, |zip, name| zip.file(name, &picture)).bytes();
            let read = read(&mut Cursor::new(file), &LIMITS).map_err(|error| error.to_string());
            match what {
                None => assert_eq!(read.unwrap().layers.len(), 2),
                Some(what) => assert!(read.as_ref().unwrap_err().contains(what), "{read:?}"),
            }
        }
    }
}
