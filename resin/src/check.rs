//! The gate for resin: what speaks against printing a file, each finding with code, layers and cure.
//!
//! Errors refuse; warnings need a person who accepts them by their codes; notes are only said. What is not
//! known of a printer or a resin refuses nothing. Words count layers from 1, as people do.

use std::fmt;
use std::io::{Read, Seek};
use std::ops::RangeInclusive;

use serde::Serialize;

use crate::budget::{self, Budget, Reach};
use crate::file::{FileError, Format, Mask, Masks, ResinFile};
use crate::layer::{Layer, LayerIndex, Peel};
use crate::machine::{Machine, Mirrored, Resin};
use crate::picture::{self, Survey};
use crate::timing::{self, Plan};
use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

/// The whole question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub file: &'a ResinFile,
    /// One for each layer; `None` where nobody has looked.
    pub pictures: Option<&'a [Picture]>,
    pub machine: &'a Machine,
    pub resin: &'a Resin,
    /// What will be in the vat, in plain words.
    pub material: Option<&'a str>,
    /// What is in the vat, ml.
    pub vat_now: Option<f64>,
    /// Of the file.
    pub bytes: Option<u64>,
}

/// What was seen in the picture of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    Seen(Survey),
    /// In words that go behind "the picture of layer 3".
    Damaged(String),
}

impl Picture {
    fn seen(&self) -> Option<&Survey> {
        match self {
            Self::Seen(survey) => Some(survey),
            Self::Damaged(_) => None,
        }
    }

    fn is_blank(&self) -> bool {
        self.seen().is_some_and(Survey::is_blank)
    }
}

/// Looks at every mask of a file. A picture that is damaged is a finding and no error.
///
/// # Errors
/// A disk that does not give the file, and masks that only the printer reads.
pub fn survey<R: Read + Seek>(masks: &mut Masks<R>, layers: u32) -> Result<Vec<Picture>, FileError> {
    let mut mask = Mask::default();
    let mut look = |layer| match masks.layer(LayerIndex(layer), &mut mask) {
        Ok(()) => Ok(Picture::Seen(picture::survey(&mask))),
        Err(FileError::Layer { what, .. }) => Ok(Picture::Damaged(what)),
        Err(error) => Err(error),
    };
    (0..layers).map(&mut look).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// What it is about: `first` and how many layers, not all of which need follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Layers {
    pub first: LayerIndex,
    pub count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    pub layers: Option<Layers>,
    pub words: String,
    pub cure: &'static str,
}

macro_rules! codes {
    ($($(#[$says:meta])* $code:ident $text:literal $severity:ident $cure:literal,)*) => {
        /// Stable: people accept warnings by these texts, and records keep them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$says])* $code,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)*
                }
            }

            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$code => Severity::$severity,)*
                }
            }

            /// What to do.
            #[must_use]
            pub fn cure(self) -> &'static str {
                match self {
                    $(Self::$code => $cure,)*
                }
            }
        }
    };
}

codes! {
    /// Nothing is known of its layers.
    Opaque "opaque" Warning
        "slice it into a format that can be read (CTB 4, GOO, SL1), or accept that nobody looked into it",
    NoLayers "no-layers" Error "slice the part again",
    LayerCount "layer-count" Error "the file is not what its slicer wrote: copy or slice it again",
    /// Of the display.
    Resolution "resolution" Error "slice it for this printer",
    /// Columns and rows are those of the display the other way round.
    Rotated "rotated" Error "slice it for this printer, whose display lies across",
    Mirrored "mirrored" Error "slice it for this printer: the part would come out as its mirror image",
    MirroringUnknown "mirroring-unknown" Warning
        "compare the first picture with the part, or print a test part with a letter on it",
    PointSize "point-size" Error "slice it for this printer: the part would have another size",
    NotRising "not-rising" Error "slice the part again",
    Gap "gap" Error "slice the part again: layers are missing",
    Uneven "uneven" Warning "see whether the slicer was to use layers of several heights",
    LayerHeight "layer-height" Warning "slice it with a layer height that the resin is made for",
    TooHigh "too-high" Error "lay the part down or print it in pieces",
    NoExposure "no-exposure" Error "give these layers an exposure and slice again",
    /// For the printer, of whatever resin.
    ExposureTooLong "exposure-too-long" Error "slice it with an exposure that the printer may give",
    ExposureAboveResin "exposure-above-resin" Error "slice it with the exposure of this resin",
    ExposureBelowResin "exposure-below-resin" Warning "slice it with the exposure of this resin",
    BottomAboveResin "bottom-above-resin" Error "slice it with the bottom exposure of this resin",
    BottomBelowResin "bottom-below-resin" Warning "slice it with the bottom exposure of this resin",
    BottomShorter "bottom-shorter" Warning
        "slice it with a longer bottom exposure: the part may not hold on the plate",
    NoLight "no-light" Error "slice it with the light at full brightness",
    LightDimmed "light-dimmed" Note "see whether the exposure was found at this brightness",
    NoLift "no-lift" Warning "slice it with a lift, unless the vat tilts",
    LiftAbsurd "lift-absurd" Warning "slice it with a lift of 3 to 15 mm",
    PeelSpeed "peel-speed" Warning "slice it with the speeds of this printer",
    Pause "pause" Warning "have somebody at the printer then, or slice it without the pause",
    TimeDiffers "time-differs" Note "believe the time that is counted here",
    VolumeDiffers "volume-differs" Warning
        "copy or slice it again: its pictures are not what its slicer counted",
    Refill "refill" Warning "have somebody refill the vat before that layer, or print fewer parts at a time",
    VatLow "vat-low" Warning "fill the vat before the start",
    AllBlank "all-blank" Error "slice the part again: nothing would be printed",
    FirstBlank "first-blank" Error "slice it with the part on the plate or on supports",
    Blank "blank" Warning "look at the part there: what comes above has nothing to hold on to",
    LastBlank "last-blank" Note "nothing: these layers only take time",
    CutOff "cut-off" Warning "move or turn the part in the slicer so that it lies within the display",
    PictureDamaged "picture-damaged" Error "copy or slice it again",
    FileLonger "file-longer" Note "nothing, unless the file came from somebody you do not know",
    MaterialDiffers "material-differs" Warning
        "slice it for the resin that is in the vat, or change the resin",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// Share by which sides of points may differ: slicers write them with a few digits.
const POINT: f64 = 0.005;
/// µm by which a step may differ from the layer height, from heights that are rounded.
const STEP: u64 = 2;
/// Layer heights that one step may be before layers are missing.
const GAP: i64 = 2;
/// Millimetres that peel any film without taking the plate away for good.
const LIFT: RangeInclusive<i64> = 1_000..=50_000;
/// µm/s of anything that peels.
const PEEL: RangeInclusive<i64> = 50..=30_000;
/// Share by which the slicer's time may be another than what is counted.
const TIME: f64 = 0.25;
/// Share by which the slicer's volume may be another than its pictures': the two differ by 2 in 100,000
/// (facts C.2).
const VOLUME: f64 = 0.02;
/// ml: what is less says nothing.
const LEAST_VOLUME: f64 = 0.05;
/// Of a GOO, behind its last layer.
const ENDING: u64 = 2 + 11;
/// Of 255.
const FULL: u8 = 255;

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn note(&mut self, code: Code, layers: Option<Layers>, words: String) {
        self.0.push(Finding { code, severity: code.severity(), layers, words, cure: code.cure() });
    }

    /// One finding for all layers of which `wrong` says so, in words for the first of them.
    fn layers<T>(
        &mut self,
        code: Code,
        wrong: impl Iterator<Item = (u32, T)>,
        words: impl FnOnce(u32, T) -> String,
    ) {
        let mut wrong = wrong;
        let Some((first, what)) = wrong.next() else { return };
        let count = u32::try_from(wrong.count()).unwrap_or(u32::MAX).saturating_add(1);
        let mut words = words(first, what);
        if count > 1 {
            words = format!("{words}, and so {} more", layers_of(count - 1));
        }
        self.note(code, Some(Layers { first: LayerIndex(first), count }), words);
    }
}

fn layers_of(count: u32) -> String {
    match count {
        1 => "1 layer".to_owned(),
        count => format!("{count} layers"),
    }
}

/// As people count.
fn number(index: u32) -> u64 {
    u64::from(index) + 1
}

fn mm(length: Micrometres) -> String {
    format!("{} mm", length.millimetres())
}

fn s(time: Milliseconds) -> String {
    format!("{} s", time.seconds())
}

/// What speaks against it, in the order in which a person would ask.
#[must_use]
pub fn check(question: &Question<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    let file = question.file;
    if file.format == Format::EncryptedCtb {
        let words = "the file is encrypted, and nothing in it can be checked: not its layers, its size, its \
                     exposures or the resin that it takes"
            .to_owned();
        findings.note(Code::Opaque, None, words);
        return findings.0;
    }
    display(question, &mut findings);
    count(question, &mut findings);
    heights(question, &mut findings);
    exposures(question, &mut findings);
    lights(file, &mut findings);
    peels(question, &mut findings);
    claims(question, &mut findings);
    pictures(question, &mut findings);
    resin(question, &mut findings);
    findings.0
}

/// Whether any of them refuses.
#[must_use]
pub fn refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

fn indexed<T>(values: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (0_u32..).zip(values)
}

fn display(question: &Question<'_>, findings: &mut Findings) {
    let (file, machine) = (question.file, question.machine);
    if let (Some([columns, rows]), Some(display)) = (file.masks.points(), machine.display)
        && [columns, rows] != display
    {
        let code = if [rows, columns] == display { Code::Rotated } else { Code::Resolution };
        let [of_columns, of_rows] = display;
        let words = format!(
            "its pictures have {columns} by {rows} points, and the display has {of_columns} by {of_rows}"
        );
        findings.note(code, None, words);
    }
    match (file.mirrored, machine.mirrored) {
        (Some(file), Some(machine)) if file != machine => {
            let along = |mirrored: Mirrored| match (mirrored.x, mirrored.y) {
                (false, false) => "not mirrored",
                (true, false) => "mirrored along X",
                (false, true) => "mirrored along Y",
                (true, true) => "mirrored along X and Y",
            };
            let words = format!("its pictures are {}, and the printer's are {}", along(file), along(machine));
            findings.note(Code::Mirrored, None, words);
        }
        (None, Some(_)) => {
            let words = "it does not say along which axes its pictures are mirrored".to_owned();
            findings.note(Code::MirroringUnknown, None, words);
        }
        _ => {}
    }
    if let (Some(file), Some(machine)) = (file.point, machine.point) {
        let differs = |one: f64, other: f64| (one - other).abs() > other.abs() * POINT;
        if file.iter().zip(machine).any(|(one, other)| differs(*one, other)) {
            let [[x, y], [of_x, of_y]] = [file, machine];
            let words = format!(
                "its points are {x:.2} by {y:.2} µm, and the display's are {of_x:.2} by {of_y:.2} µm: a length \
                 of 10 mm would come out as {:.2} mm",
                10.0 * if differs(x, of_x) { of_x / x } else { of_y / y }
            );
            findings.note(Code::PointSize, None, words);
        }
    }
}

fn count(question: &Question<'_>, findings: &mut Findings) {
    let file = question.file;
    if file.layers.is_empty() {
        findings.note(Code::NoLayers, None, "it has no layers".to_owned());
    }
    if let Some(claimed) = file.claims.layers
        && usize::try_from(claimed) != Ok(file.layers.len())
    {
        let words =
            format!("it says that it has {}, and {} are in it", layers_of(claimed), file.layers.len());
        findings.note(Code::LayerCount, None, words);
    }
    let end = file.layers.iter().filter_map(|layer| layer.ends_at).max();
    if let (Some(bytes), Some(end)) = (question.bytes, end) {
        let ending = if file.format == Format::Goo { ENDING } else { 0 };
        let beyond = bytes.saturating_sub(end.saturating_add(ending));
        if beyond > 0 {
            let words = format!("{beyond} bytes stand behind its last picture, where nothing belongs");
            findings.note(Code::FileLonger, None, words);
        }
    }
}

/// Of each layer, above the one below it.
fn thicknesses(layers: &[Layer]) -> impl Iterator<Item = Micrometres> {
    let below = std::iter::once(Micrometres(0)).chain(layers.iter().map(|layer| layer.top));
    layers.iter().zip(below).map(|(layer, below)| Micrometres(layer.top.0.saturating_sub(below.0)))
}

fn heights(question: &Question<'_>, findings: &mut Findings) {
    let layers = &question.file.layers;
    let thick = || (0_u32..).zip(thicknesses(layers));
    findings.layers(Code::NotRising, thick().filter(|(_, thick)| thick.0 <= 0), |layer, thick| {
        format!("layer {} is {} above the one below it", number(layer), mm(thick))
    });
    if let Some(height) = question.file.layer_height {
        let usual = height.0.max(1);
        // The first layer's height is often another one.
        let gap = |thick: Micrometres| thick.0 > usual.saturating_mul(GAP).saturating_add_unsigned(STEP);
        findings.layers(Code::Gap, thick().skip(1).filter(|(_, thick)| gap(*thick)), |layer, thick| {
            format!(
                "layer {} is {} above the one below it, and layers are {}",
                number(layer),
                mm(thick),
                mm(height)
            )
        });
        let uneven = |thick: Micrometres| thick.0 > 0 && !gap(thick) && thick.0.abs_diff(height.0) > STEP;
        findings.layers(Code::Uneven, thick().skip(1).filter(|(_, thick)| uneven(*thick)), |layer, thick| {
            format!("layer {} is {} thick, and the file says {}", number(layer), mm(thick), mm(height))
        });
        if let Some([least, most]) = question.resin.layer_height
            && !(least..=most).contains(&height)
        {
            let words = format!(
                "its layers are {} thick, and the resin takes {} to {}",
                mm(height),
                mm(least),
                mm(most)
            );
            findings.note(Code::LayerHeight, None, words);
        }
    }
    if let Some(limit) = question.machine.height {
        let above = indexed(layers).filter(|(_, layer)| layer.top > limit);
        let top = layers.iter().map(|layer| layer.top).max().unwrap_or_default();
        findings.layers(Code::TooHigh, above, |layer, _| {
            format!(
                "it is {} high, and from layer {} above the {} of the printer",
                mm(top),
                number(layer),
                mm(limit)
            )
        });
    }
}

/// How many layers at the plate are lit longer or shorter than the others: those like the first one, which is
/// always one of them, and with them those whose exposures lead from it to the others.
fn bottoms(layers: &[Layer]) -> (usize, usize) {
    let Some(first) = layers.first().map(|layer| layer.exposure) else { return (0, 0) };
    let normal = normal_exposure(layers);
    if first == normal {
        return (1, 1);
    }
    let (low, high) = (first.min(normal), first.max(normal));
    let bottoms = layers.iter().take_while(|layer| layer.exposure == first).count();
    let between = |layer: &&Layer| low < layer.exposure && layer.exposure < high;
    (bottoms, bottoms + layers.iter().skip(bottoms).take_while(between).count())
}

/// Of the layer in the middle: what is usual, where half of the layers or more are.
fn normal_exposure(layers: &[Layer]) -> Milliseconds {
    let mut exposures: Vec<Milliseconds> = layers.iter().map(|layer| layer.exposure).collect();
    exposures.sort_unstable();
    exposures.get(exposures.len() / 2).copied().unwrap_or_default()
}

fn exposures(question: &Question<'_>, findings: &mut Findings) {
    let (layers, resin) = (&question.file.layers, question.resin);
    let none = indexed(layers).filter(|(_, layer)| layer.exposure.0 == 0);
    findings.layers(Code::NoExposure, none, |layer, _| format!("layer {} is lit for 0 s", number(layer)));
    if let Some(longest) = question.machine.longest_exposure {
        let longer = indexed(layers).filter(|(_, layer)| layer.exposure > longest);
        findings.layers(Code::ExposureTooLong, longer, |index, layer| {
            let (exposure, number) = (s(layer.exposure), number(index));
            format!("layer {number} is lit for {exposure}, and the printer lights {} at most", s(longest))
        });
    }
    let (bottom, normal) = bottoms(layers);
    let mut hold =
        |range: Option<[Milliseconds; 2]>, from: usize, to: usize, kind: &str, codes: [Code; 2]| {
            let Some([least, most]) = range else { return };
            let [above, below] = codes;
            let part = || indexed(layers).take(to).skip(from).filter(|(_, layer)| layer.exposure.0 > 0);
            let words = |index, layer: &Layer| {
                let (least, most) = (s(least), s(most));
                format!(
                    "{kind} {} is lit for {}, and the resin takes {least} to {most}",
                    number(index),
                    s(layer.exposure)
                )
            };
            findings.layers(above, part().filter(|(_, layer)| layer.exposure > most), words);
            findings.layers(below, part().filter(|(_, layer)| layer.exposure < least), words);
        };
    let codes = [Code::BottomAboveResin, Code::BottomBelowResin];
    hold(resin.bottom_exposure, 0, bottom, "bottom layer", codes);
    let codes = [Code::ExposureAboveResin, Code::ExposureBelowResin];
    hold(resin.exposure, normal, layers.len(), "layer", codes);
    let usual = normal_exposure(layers);
    let shorter = indexed(layers).take(bottom).filter(|(_, layer)| layer.exposure < usual);
    findings.layers(Code::BottomShorter, shorter, |index, layer| {
        let (exposure, usual) = (s(layer.exposure), s(usual));
        format!("bottom layer {} is lit for {exposure}, less than the {usual} of the others", number(index))
    });
}

fn lights(file: &ResinFile, findings: &mut Findings) {
    let of = |wanted: fn(u8) -> bool| {
        indexed(&file.layers).filter_map(move |(index, layer)| {
            layer.light.filter(|light| wanted(*light)).map(|light| (index, light))
        })
    };
    findings.layers(Code::NoLight, of(|light| light == 0), |layer, _| {
        format!("the light of layer {} is at brightness 0", number(layer))
    });
    findings.layers(Code::LightDimmed, of(|light| (1..FULL).contains(&light)), |layer, light| {
        format!("the light of layer {} is at brightness {light} of {FULL}", number(layer))
    });
    let pauses = indexed(&file.layers).filter(|(_, layer)| layer.pause);
    findings.layers(Code::Pause, pauses, |layer, _| {
        format!("it stops before layer {} and waits for a person", number(layer))
    });
}

fn peels(question: &Question<'_>, findings: &mut Findings) {
    let layers = &question.file.layers;
    let of_printer = question.machine.peel;
    // All the way up; nothing where neither the file nor the printer says it.
    let lift = |peel: Peel| {
        let peel = timing::told(&peel, &of_printer);
        Some(Micrometres(peel.lift?.0.saturating_add(peel.second_lift.unwrap_or_default().0)))
    };
    // The last layer is taken off by hand.
    let peeled = || indexed(layers).take(layers.len().saturating_sub(1));
    let lifts = || peeled().filter_map(|(index, layer)| lift(layer.peel).map(|lift| (index, lift)));
    findings.layers(Code::NoLift, lifts().filter(|(_, lift)| lift.0 <= 0), |layer, _| {
        format!("the plate does not lift after layer {}", number(layer))
    });
    let absurd = lifts().filter(|(_, lift)| lift.0 > 0 && !LIFT.contains(&lift.0));
    findings.layers(Code::LiftAbsurd, absurd, |layer, lift| {
        format!("the plate lifts {} after layer {}", mm(lift), number(layer))
    });
    let speed = |peel: Peel| -> Option<MicrometresPerSecond> {
        let speeds = [peel.lift_speed, peel.second_lift_speed, peel.retract_speed, peel.second_retract_speed];
        speeds.into_iter().flatten().find(|speed| !PEEL.contains(&speed.0))
    };
    let speeds = peeled().filter_map(|(index, layer)| speed(layer.peel).map(|speed| (index, speed)));
    findings.layers(Code::PeelSpeed, speeds, |layer, speed| {
        format!("the plate moves at {} mm/s after layer {}", speed.0 as f64 / 1e3, number(layer))
    });
}

fn claims(question: &Question<'_>, findings: &mut Findings) {
    let claims = &question.file.claims;
    // An SL1's time is that of a vat that tilts: it is held against its own settings, and not against a plate
    // that lifts.
    let counted = match &claims.estimate {
        Some(estimate) => {
            claims.seconds.filter(|claimed| !estimate.agrees(*claimed)).map(|_| estimate.seconds())
        }
        None => Plan::of(&question.file.layers, &question.machine.peel, Milliseconds(0))
            .ok()
            .map(|plan| plan.whole().seconds())
            .filter(|counted| {
                claims.seconds.is_some_and(|claimed| (claimed - counted).abs() > counted * TIME)
            }),
    };
    if let (Some(claimed), Some(counted)) = (claims.seconds, counted) {
        let words = format!("it says that it takes {claimed:.0} s, and its layers take {counted:.0} s");
        findings.note(Code::TimeDiffers, None, words);
    }
    if let (Some(claimed), Some(material)) = (&claims.material, question.material)
        && !same(claimed, material)
    {
        let words = format!("it was sliced for \"{claimed}\", and \"{material}\" is to be in the vat");
        findings.note(Code::MaterialDiffers, None, words);
    }
}

/// Whether two names are the same but for case and what stands between words.
fn same(one: &str, other: &str) -> bool {
    let words = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    words(one) == words(other)
}

fn pictures(question: &Question<'_>, findings: &mut Findings) {
    let Some(pictures) = question.pictures else { return };
    let damaged = indexed(pictures).filter_map(|(index, picture)| match picture {
        Picture::Damaged(what) => Some((index, what)),
        Picture::Seen(_) => None,
    });
    findings.layers(Code::PictureDamaged, damaged, |layer, what| {
        format!("the picture of layer {} {what}", number(layer))
    });
    let first = pictures.iter().position(|picture| !picture.is_blank());
    let last = pictures.iter().rposition(|picture| !picture.is_blank());
    match (first, last) {
        (Some(first), Some(last)) => {
            let blank = |from: usize, to: usize| {
                indexed(pictures).take(to).skip(from).filter(|(_, picture)| picture.is_blank())
            };
            let words = |layer: u32, _: &Picture| format!("nothing is lit in layer {}", number(layer));
            findings.layers(Code::FirstBlank, blank(0, first), words);
            findings.layers(Code::Blank, blank(first, last), words);
            findings.layers(Code::LastBlank, blank(last, pictures.len()), words);
        }
        _ if pictures.is_empty() => {}
        _ => findings.note(Code::AllBlank, None, "nothing is lit in any layer".to_owned()),
    }
    let points = question.file.masks.points();
    let at_edge = |picture: &Picture| {
        let (Some(bounds), Some([width, height])) = (picture.seen().and_then(|seen| seen.bounds), points)
        else {
            return false;
        };
        let reaches = |[first, last]: [u32; 2], size: u32| first == 0 || last.saturating_add(1) >= size;
        reaches(bounds.columns, width) || reaches(bounds.rows, height)
    };
    let edges = indexed(pictures).filter(|(_, picture)| at_edge(picture));
    findings.layers(Code::CutOff, edges, |layer, _| {
        format!(
            "layer {} reaches the edge of the display, so that something of the part may be missing",
            number(layer)
        )
    });
}

/// What each layer takes; nothing where a picture or the size of a point is not known.
fn budget(question: &Question<'_>) -> Option<Budget> {
    let point = question.file.point.or(question.machine.point)?;
    let (pictures, layers) = (question.pictures?, &question.file.layers);
    if pictures.len() != layers.len() {
        return None;
    }
    let mut budget = Budget::default();
    for (picture, thickness) in pictures.iter().zip(thicknesses(layers)) {
        budget.push(budget::millilitres(picture.seen()?.grey, point, thickness));
    }
    Some(budget)
}

fn resin(question: &Question<'_>, findings: &mut Findings) {
    let budget = budget(question);
    let counted = budget.as_ref().map(Budget::total);
    let claimed = question.file.claims.millilitres;
    if let (Some(counted), Some(claimed)) = (counted, claimed)
        && (counted - claimed).abs() > (counted * VOLUME).max(LEAST_VOLUME)
    {
        let words = format!("it says that it takes {claimed:.2} ml, and its pictures take {counted:.2} ml");
        findings.note(Code::VolumeDiffers, None, words);
    }
    let Some(vat) = question.machine.vat else { return };
    let Some(all) = counted.or(claimed) else { return };
    let mut hold = |code, there: f64, what: &str| {
        // Where only the slicer says how much it is, no layer is known.
        let runs_out = match &budget {
            Some(budget) => match budget.reach(there, vat.keeps, LayerIndex(0)) {
                Reach::All { .. } => return,
                Reach::Until { layer, .. } => Some(layer),
            },
            None if all <= there - vat.keeps => return,
            None => None,
        };
        let layers = runs_out.map(|first| {
            let left =
                question.file.layers.len().saturating_sub(usize::try_from(first.0).unwrap_or(usize::MAX));
            Layers { first, count: u32::try_from(left).unwrap_or(u32::MAX) }
        });
        let before =
            runs_out.map_or_else(String::new, |layer| format!(": refill before layer {}", number(layer.0)));
        let keeps = vat.keeps;
        let words =
            format!("it takes {all:.1} ml, and of {there:.1} ml {what} {keeps:.1} ml have to stay{before}");
        findings.note(code, layers, words);
    };
    hold(Code::Refill, vat.holds, "that the vat holds");
    if let Some(now) = question.vat_now {
        hold(Code::VatLow, now, "that are in the vat now");
    }
}

#[cfg(test)]
mod tests;
