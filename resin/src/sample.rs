//! Resin files made by hand from drawn shapes, for tests and for the demo: true ones, whose time and volume are counted.

use std::fmt::Write;

use archive::sample::Zip;

use crate::budget::millilitres;
use crate::file::Mask;
use crate::picture::survey;
use crate::sl1::Schedule;
use crate::timing::{Estimate, FAST_TILT, SLOW_TILT};
use crate::units::Micrometres;

/// An encrypted CTB of so many bytes, as far as anybody without its key can tell: its clear header, settings, noise, and
/// its signature at the end. At least 400.
#[must_use]
pub fn encrypted(bytes: u32) -> Vec<u8> {
    let bytes = bytes.max(400);
    let mut file = Vec::new();
    // Magic; size and place of the settings; a version; size and place of the signature.
    for word in [crate::ctb::ENCRYPTED, 0x120, 0x30, 0, 5, 0x20, bytes - 0x20, 0, 0x1_0001, 0, 0x2A, 0] {
        file.extend(word.to_le_bytes());
    }
    let mut noise = 0x2545_F491_u32;
    while file.len() < usize::try_from(bytes).unwrap_or(usize::MAX) {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        file.push(noise.to_le_bytes()[0]);
    }
    file
}

impl Mask {
    /// All dark.
    #[must_use]
    pub fn dark(width: u32, height: u32) -> Self {
        let points = usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(0);
        Self { width, height, grey: vec![0; points] }
    }

    /// Draws every point whose middle is in a shape, which is given in columns and rows from the top left.
    #[must_use]
    pub fn with(mut self, grey: u8, is_in: impl Fn(f64, f64) -> bool) -> Self {
        let width = usize::try_from(self.width).unwrap_or(0).max(1);
        for (row, points) in (0_u32..).zip(self.grey.chunks_mut(width)) {
            for (column, point) in (0_u32..).zip(points) {
                if is_in(f64::from(column) + 0.5, f64::from(row) + 0.5) {
                    *point = grey;
                }
            }
        }
        self
    }

    /// A box from one corner to the other, fully lit.
    #[must_use]
    pub fn with_box(self, [left, top]: [f64; 2], [right, bottom]: [f64; 2]) -> Self {
        self.with(255, |x, y| (left..right).contains(&x) && (top..bottom).contains(&y))
    }

    /// An ellipse, fully lit.
    #[must_use]
    pub fn with_ellipse(self, middle: [f64; 2], radii: [f64; 2]) -> Self {
        self.with(255, |x, y| {
            let ([u, v], [a, b]) = ([x - middle[0], y - middle[1]], radii);
            a > 0.0 && b > 0.0 && (u / a).powi(2) + (v / b).powi(2) <= 1.0
        })
    }
}

/// A picture in 8-bit grey, as slicers write it.
///
/// # Panics
/// For a mask that does not have the points that it says.
#[must_use]
pub fn png(mask: &Mask) -> Vec<u8> {
    encoded(mask.width, mask.height, png::ColorType::Grayscale, &mask.grey)
}

/// A picture of a third of the width, in which red, green and blue are points that lie side by side.
///
/// # Panics
/// For a mask whose width is no multiple of three.
#[must_use]
pub fn png_of_three(mask: &Mask) -> Vec<u8> {
    assert!(mask.width.is_multiple_of(3), "{} columns are no threes", mask.width);
    encoded(mask.width / 3, mask.height, png::ColorType::Rgb, &mask.grey)
}

fn encoded(width: u32, height: u32, color: png::ColorType, points: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let done = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(points)?;
        writer.finish()
    });
    assert!(done.is_ok(), "a picture of {width} by {height} points in memory");
    bytes
}

/// How a sample is printed. Heights are mm, times s, points µm as masks have them.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Of the job, which its pictures are called by.
    pub name: String,
    pub material: String,
    pub printer: String,
    pub height: f64,
    pub first_height: f64,
    pub exposure: f64,
    pub first_exposure: f64,
    pub faded: u32,
    pub point: f64,
    /// `LiftHeight_6.0` and such, one after the other.
    pub notes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "sample".into(),
            material: "Generic resin".into(),
            printer: "SL1".into(),
            height: 0.05,
            first_height: 0.05,
            exposure: 2.0,
            first_exposure: 20.0,
            faded: 4,
            point: 50.0,
            notes: Vec::new(),
        }
    }
}

impl Settings {
    fn millilitres(&self, masks: &[Mask]) -> f64 {
        let height = |at| if at == 0 { self.first_height } else { self.height };
        let micrometres = |at| Micrometres::of_millimetres(height(at)).unwrap_or_default();
        let one = |(at, mask)| millilitres(survey(mask).grey, [self.point; 2], micrometres(at));
        masks.iter().enumerate().map(one).sum()
    }

    /// An SL1 with its two files of settings.
    ///
    /// # Panics
    /// For masks that are not what they say; above 60,000 layers.
    #[must_use]
    pub fn sl1(&self, masks: &[Mask]) -> Vec<u8> {
        let [config, slicer] = self.sl1_settings(masks);
        let zip =
            Zip::default().file("config.ini", config.as_bytes()).file("prusaslicer.ini", slicer.as_bytes());
        let picture =
            |zip: Zip, (at, mask): (usize, &Mask)| zip.file(&format!("{}{at:05}.png", self.name), &png(mask));
        masks.iter().enumerate().fold(zip, picture).bytes()
    }

    /// `config.ini` and `prusaslicer.ini`.
    #[must_use]
    pub fn sl1_settings(&self, masks: &[Mask]) -> [String; 2] {
        let layers = u32::try_from(masks.len()).unwrap_or(u32::MAX);
        let estimate = Estimate {
            exposure: self.exposure,
            first_exposure: self.first_exposure,
            faded: self.faded,
            height: self.height,
            first_height: self.first_height,
            fast_tilt: FAST_TILT,
            slow_tilt: SLOW_TILT,
            fast_layers: layers,
            slow_layers: 0,
        };
        let (width, height) = masks.first().map_or((0, 0), |mask| (mask.width, mask.height));
        let side = |points: u32| f64::from(points) * self.point / 1e3;
        let config = lines(&[
            ("action", &"print"),
            ("expTime", &self.exposure),
            ("expTimeFirst", &self.first_exposure),
            ("jobDir", &self.name),
            ("layerHeight", &self.height),
            ("materialName", &self.material),
            ("numFade", &self.faded),
            ("numFast", &layers),
            ("numSlow", &0),
            ("printProfile", &"Sample"),
            ("printTime", &format!("{:.6}", estimate.seconds())),
            ("printerModel", &self.printer),
            ("printerProfile", &"Sample printer"),
            ("prusaSlicerVersion", &"sample"),
            ("usedMaterial", &format!("{:.6}", self.millilitres(masks))),
        ]);
        let slicer = lines(&[
            ("display_height", &side(height)),
            ("display_mirror_x", &0),
            ("display_mirror_y", &0),
            ("display_orientation", &"landscape"),
            ("display_pixels_x", &width),
            ("display_pixels_y", &height),
            ("display_width", &side(width)),
            ("exposure_time", &self.exposure),
            ("faded_layers", &self.faded),
            ("fast_tilt_time", &FAST_TILT),
            ("initial_exposure_time", &self.first_exposure),
            ("initial_layer_height", &self.first_height),
            ("layer_height", &self.height),
            ("material_notes", &self.notes.join("\\n")),
            ("printer_notes", &""),
            ("slow_tilt_time", &SLOW_TILT),
        ]);
        [config, slicer]
    }

    /// A NanoDLP file with its tables. Its layers are all of `height`; three and those that fade are its bottom layers.
    ///
    /// # Panics
    /// As [`Settings::sl1`].
    #[must_use]
    pub fn nanodlp(&self, masks: &[Mask]) -> Vec<u8> {
        let zip = self
            .nanodlp_tables(masks)
            .into_iter()
            .fold(Zip::default(), |zip, (name, table)| zip.file(name, table.to_string().as_bytes()));
        let picture = |zip: Zip, (at, mask): (usize, &Mask)| zip.file(&format!("{}.png", at + 1), &png(mask));
        // The pictures are packed already.
        masks.iter().enumerate().fold(zip.deflated(false), picture).bytes()
    }

    /// The tables by their names, to be changed before they are written.
    #[must_use]
    pub fn nanodlp_tables(&self, masks: &[Mask]) -> Vec<(&'static str, serde_json::Value)> {
        let micrometres = (self.height * 1e3 * 1e3).round() / 1e3;
        let schedule = Schedule { first: self.first_exposure, exposure: self.exposure, faded: self.faded };
        let lit: f64 =
            (0..u32::try_from(masks.len()).unwrap_or(0)).map(|layer| schedule.seconds(layer)).sum();
        let areas = masks.iter().map(|mask| {
            let area = survey(mask).grey as f64 / 255.0 * (self.point / 1e3).powi(2);
            serde_json::json!({ "TotalSolidArea": area })
        });
        let (width, height) = masks.first().map_or((0, 0), |mask| (mask.width, mask.height));
        vec![
            (
                "meta.json",
                serde_json::json!({ "FormatVersion": 2, "Program": "sample", "Distro": "generic" }),
            ),
            (
                "slicer.json",
                serde_json::json!({
                    "PWidth": width, "PHeight": height, "Thickness": micrometres, "SupportDepth": micrometres,
                    "XPixelSize": self.point / 1e3, "YPixelSize": self.point / 1e3, "ImageMirror": 0,
                    "LayerCount": masks.len(),
                }),
            ),
            (
                "plate.json",
                serde_json::json!({
                    "LayersCount": masks.len(), "PrintEst": lit.round(), "StopLayers": "",
                    "MultiCure": "", "CureTimes": [], "Path": self.name,
                }),
            ),
            (
                "profile.json",
                serde_json::json!({
                    "Title": self.material, "Depth": micrometres, "SupportDepth": micrometres,
                    "CureTime": self.exposure, "SupportCureTime": self.first_exposure, "SupportLayerNumber": 3,
                    "TransitionalLayer": self.faded, "WaitHeight": 5.0, "SupportWaitHeight": 6.0,
                    "WaitBeforePrint": 1.0, "SupportWaitBeforePrint": 2.0, "WaitAfterPrint": 0.5,
                    "SupportWaitAfterPrint": 0.5, "TopWait": 0.0, "SupportTopWait": 0.0, "DynamicCureTime": "",
                }),
            ),
            ("info.json", serde_json::Value::Array(areas.collect())),
        ]
    }
}

fn lines(pairs: &[(&str, &dyn std::fmt::Display)]) -> String {
    pairs.iter().fold(String::new(), |mut text, (key, value)| {
        // A string takes all that is written.
        let _ = writeln!(text, "{key} = {value}");
        text
    })
}
