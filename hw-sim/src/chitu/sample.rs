//! Writes valid .ctb, .cbddlp and .photon files of a drawn shape or of given pictures, for tests and for trying out.
//!
//! Layout and run-length codes: cbiffle/catibo doc/cbddlp-ctb.adoc. The shape is a cone with a hole, drawn
//! run by run, so that a file of any resolution costs no picture in memory.

use super::tables::{HEADER_BYTES, LAYER_BYTES, MAGIC_CBDDLP, MAGIC_CTB, MAGIC_ENCIPHERED};

/// Which kind of file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Seven bits a pixel, version 2.
    #[default]
    Ctb2,
    /// The same, version 3.
    Ctb3,
    /// One bit a pixel, version 2; .photon is the same.
    Cbddlp,
}

/// A file to be written. Times in s, lengths in mm, speeds in mm/min, as in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub format: Format,
    pub layers: u32,
    pub layer_height_mm: f32,
    /// Pixels in x and y.
    pub resolution: (u32, u32),
    /// Size of the display and height of the machine, mm.
    pub bed_mm: (f32, f32, f32),
    pub bottom_layers: u32,
    pub bottom_exposure_s: f32,
    pub exposure_s: f32,
    pub light_off_s: f32,
    pub lift_mm: f32,
    pub lift_mm_min: f32,
    pub retract_mm_min: f32,
    /// Key of the pictures' cipher in a .ctb; 0 leaves them plain.
    pub key: u32,
    pub machine: String,
    /// Name of no meaning but that files with different ones have different pictures.
    pub variant: u32,
}

impl Default for Sample {
    /// An Elegoo Mars: 1440 x 2560 pixels of 47.25 µm, 50 µm layers.
    fn default() -> Self {
        Self {
            format: Format::Ctb2,
            layers: 20,
            layer_height_mm: 0.05,
            resolution: (1440, 2560),
            bed_mm: (68.04, 120.96, 155.0),
            bottom_layers: 4,
            bottom_exposure_s: 30.0,
            exposure_s: 6.0,
            light_off_s: 1.0,
            lift_mm: 5.0,
            lift_mm_min: 90.0,
            retract_mm_min: 150.0,
            key: 0,
            machine: "ELEGOO MARS".to_owned(),
            variant: 0,
        }
    }
}

/// One layer as somebody else has sliced it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sliced {
    /// Where the plate stands for it, mm.
    pub z_mm: f32,
    pub exposure_s: f32,
    /// Of each point, row by row, 0 to 255: as many as [`Sample::resolution`] says. Dark where there are fewer.
    pub grey: Vec<u8>,
}

/// A layer as it is written.
struct Entry {
    z_mm: f32,
    exposure_s: f32,
    /// Sum of all points, 0 to 1 each.
    lit: f64,
    picture: Vec<u8>,
}

/// A .ctb with so many layers of so many seconds each, and else as [`Sample::default`].
pub fn ctb(layers: u32, exposure_s: f32) -> Vec<u8> {
    Sample { layers, exposure_s, bottom_exposure_s: exposure_s, ..Sample::default() }.write()
}

/// Bytes of an enciphered .ctb as far as anybody without its key can tell: its magic, then noise.
pub fn enciphered(length: usize, seed: u64) -> Vec<u8> {
    let mut random = crate::random::Random::fork(seed, "enciphered");
    let mut bytes = MAGIC_ENCIPHERED.to_le_bytes().to_vec();
    bytes.resize_with(length.max(4), || random.byte());
    bytes
}

impl Sample {
    /// The file's bytes.
    pub fn write(&self) -> Vec<u8> {
        let entry = |layer| Entry {
            z_mm: self.z_mm(layer),
            exposure_s: if layer < self.bottom_layers { self.bottom_exposure_s } else { self.exposure_s },
            lit: self.rows(layer).iter().map(|(_, begins, ends)| f64::from(ends - begins)).sum(),
            picture: self.picture(layer, self.cipher_key()),
        };
        self.file((0..self.layers).map(entry).collect())
    }

    /// A file of these layers instead of the drawn shape; how many and how they are lit, they say themselves.
    pub fn write_sliced(&self, layers: &[Sliced]) -> Vec<u8> {
        let entry = |(layer, sliced): (u32, &Sliced)| Entry {
            z_mm: sliced.z_mm,
            exposure_s: sliced.exposure_s,
            lit: sliced.grey.iter().map(|grey| f64::from(*grey) / 255.0).sum(),
            picture: self.picture_of(&sliced.grey, layer),
        };
        self.file((0..).zip(layers).map(entry).collect())
    }

    fn cipher_key(&self) -> u32 {
        if self.format == Format::Cbddlp { 0 } else { self.key }
    }

    fn file(&self, layers: Vec<Entry>) -> Vec<u8> {
        let is_ctb = self.format != Format::Cbddlp;
        let key = self.cipher_key();
        let previews = [preview(400, 300), preview(200, 125)];
        let more_at = HEADER_BYTES;
        let more2_at = more_at + 60;
        let machine_at = more2_at + 76;
        let large_at = machine_at + self.machine.len();
        let small_at = large_at + 32 + previews[0].1.len();
        let table_at = small_at + 32 + previews[1].1.len();
        let mut at = table_at + layers.len() * LAYER_BYTES;
        let millilitres = self.volume_ml(&layers);

        let mut file = Writer(Vec::new());
        let height = layers.last().map_or(0.0, |last| last.z_mm);
        file.word(if is_ctb { MAGIC_CTB } else { MAGIC_CBDDLP });
        file.word(if self.format == Format::Ctb3 { 3 } else { 2 });
        file.numbers(&[self.bed_mm.0, self.bed_mm.1, self.bed_mm.2, 0.0, 0.0, height, self.layer_height_mm]);
        file.numbers(&[self.exposure_s, self.bottom_exposure_s, self.light_off_s]);
        file.words(&[self.bottom_layers, self.resolution.0, self.resolution.1]);
        file.places(&[large_at, table_at]);
        file.places(&[layers.len(), small_at]);
        file.word(self.print_time_s(&layers));
        file.word(1); // mirrored, as an LCD
        file.places(&[more_at, 60]);
        file.word(1); // level sets
        file.word(0x00FF_00FF); // two light levels
        file.word(key);
        file.places(&[more2_at, 76]);

        let grams = millilitres * 1.1;
        file.numbers(&[self.lift_mm, self.lift_mm_min, self.lift_mm, self.lift_mm_min, self.retract_mm_min]);
        file.numbers(&[millilitres, grams, 0.0, self.light_off_s, self.light_off_s]);
        file.words(&[self.bottom_layers, 0, 0, 0, 0]);

        file.words(&[0; 7]);
        file.places(&[machine_at, self.machine.len()]);
        file.words(&[if is_ctb { 0xF } else { 0 }, 0, 1, 0x0106_0300, 0x200]);
        file.words(&[0; 5]);
        file.0.extend_from_slice(self.machine.as_bytes());

        for (begins, ((width, height), data)) in [large_at, small_at].into_iter().zip(&previews) {
            file.words(&[*width, *height]);
            file.places(&[begins + 32, data.len()]);
            file.words(&[0; 4]);
            file.0.extend_from_slice(data);
        }
        for Entry { z_mm, exposure_s, picture, .. } in &layers {
            file.numbers(&[*z_mm, *exposure_s, self.light_off_s]);
            file.places(&[at, picture.len()]);
            file.words(&[0; 4]);
            at += picture.len();
        }
        for layer in &layers {
            file.0.extend_from_slice(&layer.picture);
        }
        file.0
    }

    /// Where the plate stands for a layer, mm.
    pub fn z_mm(&self, layer: u32) -> f32 {
        self.layer_height_mm * (layer + 1) as f32
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; saturates")]
    fn print_time_s(&self, layers: &[Entry]) -> u32 {
        let lift_s = 60.0 * self.lift_mm * (1.0 / self.lift_mm_min + 1.0 / self.retract_mm_min);
        let each = |layer: &Entry| layer.exposure_s + lift_s + self.light_off_s;
        layers.iter().map(each).sum::<f32>().round() as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the format has no more digits")]
    fn volume_ml(&self, layers: &[Entry]) -> f32 {
        let pixel_mm2 = self.bed_mm.0 / self.resolution.0 as f32 * self.bed_mm.1 / self.resolution.1 as f32;
        let lit: f64 = layers.iter().map(|layer| layer.lit).sum();
        lit as f32 * pixel_mm2 * self.layer_height_mm / 1_000.0
    }

    /// The lit runs of a layer, as row, first column and first column behind it: a disc with a square hole.
    fn rows(&self, layer: u32) -> Vec<(u32, u32, u32)> {
        let (width, height) = self.resolution;
        let widest = f64::from(width.min(height)) / 3.0;
        let radius = widest * (1.0 - 0.6 * f64::from(layer) / f64::from(self.layers.max(1)));
        let hole = radius / 4.0 + f64::from(self.variant % 16);
        let (middle_x, middle_y) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        let mut runs = Vec::new();
        for row in 0..height {
            let off = f64::from(row) + 0.5 - middle_y;
            if off.abs() >= radius {
                continue;
            }
            let half = (radius * radius - off * off).sqrt();
            let (left, right) = (column(middle_x - half, width), column(middle_x + half, width));
            let (hole_left, hole_right) = (column(middle_x - hole, width), column(middle_x + hole, width));
            if off.abs() < hole && left < hole_left && hole_right < right {
                runs.extend([(row, left, hole_left), (row, hole_right, right)]);
            } else if left < right {
                runs.push((row, left, right));
            }
        }
        runs
    }

    /// As coarse as the format: seven bits of a grey, or dark and lit.
    fn picture_of(&self, grey: &[u8], layer: u32) -> Vec<u8> {
        let points = u64::from(self.resolution.0) * u64::from(self.resolution.1);
        let mut data = Vec::new();
        let mut run = |grey: u8, length: u64| match self.format {
            Format::Cbddlp => bits(&mut data, grey >= 0x80, length),
            Format::Ctb2 | Format::Ctb3 => greys(&mut data, grey >> 1, length),
        };
        let mut missing = points;
        for alike in
            grey[..grey.len().min(usize::try_from(points).unwrap_or(usize::MAX))].chunk_by(|a, b| a == b)
        {
            run(alike[0], alike.len() as u64);
            missing -= alike.len() as u64;
        }
        run(0, missing);
        if self.cipher_key() != 0 {
            cipher(&mut data, self.key, layer);
        }
        data
    }

    fn picture(&self, layer: u32, key: u32) -> Vec<u8> {
        let width = u64::from(self.resolution.0);
        let (mut data, mut dark_from) = (Vec::new(), 0);
        let mut run = |lit: bool, length: u64| match self.format {
            Format::Cbddlp => bits(&mut data, lit, length),
            Format::Ctb2 | Format::Ctb3 => greys(&mut data, if lit { 0x7F } else { 0 }, length),
        };
        for (row, begins, ends) in self.rows(layer) {
            let (begins, ends) =
                (u64::from(row) * width + u64::from(begins), u64::from(row) * width + u64::from(ends));
            run(false, begins - dark_from);
            run(true, ends - begins);
            dark_from = ends;
        }
        run(false, width * u64::from(self.resolution.1) - dark_from);
        if key != 0 {
            cipher(&mut data, key, layer);
        }
        data
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the row")]
fn column(x: f64, width: u32) -> u32 {
    x.round().clamp(0.0, f64::from(width)) as u32
}

/// One bit a pixel: its value in the highest bit, the length of the run below, at most 125.
fn bits(data: &mut Vec<u8>, lit: bool, mut length: u64) {
    while length > 0 {
        let part = length.min(125);
        data.push(u8::from(lit) << 7 | u8::try_from(part).unwrap_or(125));
        length -= part;
    }
}

/// Seven bits a pixel: the value, and for a run its length in one to four bytes, the highest first.
fn greys(data: &mut Vec<u8>, value: u8, mut length: u64) {
    while length > 0 {
        let part = u32::try_from(length.min(0x0FFF_FFFF)).unwrap_or(1);
        let bytes = part.to_be_bytes();
        match part {
            1 => data.push(value),
            2..0x80 => data.extend([value | 0x80, bytes[3]]),
            0x80..0x4000 => data.extend([value | 0x80, 0x80 | bytes[2], bytes[3]]),
            0x4000..0x20_0000 => data.extend([value | 0x80, 0xC0 | bytes[1], bytes[2], bytes[3]]),
            _ => data.extend([value | 0x80, 0xE0 | bytes[0], bytes[1], bytes[2], bytes[3]]),
        }
        length -= u64::from(part);
    }
}

/// The stream cipher of .ctb pictures (catibo, "the 86 cipher").
fn cipher(data: &mut [u8], key: u32, layer: u32) {
    let step = key.wrapping_mul(0x2D83_CDAC).wrapping_add(0xD8A8_3424);
    let mut word = layer.wrapping_mul(0x1E15_30CD).wrapping_add(0xEC3D_47CD).wrapping_mul(step);
    for chunk in data.chunks_mut(4) {
        for (byte, mask) in chunk.iter_mut().zip(word.to_le_bytes()) {
            *byte ^= mask;
        }
        word = word.wrapping_add(step);
    }
}

/// A preview of one grey, in runs of RGB565.
fn preview(width: u32, height: u32) -> ((u32, u32), Vec<u8>) {
    // Red, green and blue 12 of 31; bit 5 marks a run.
    const GREY: u16 = 12 << 11 | 12 << 6 | 1 << 5 | 12;
    let (mut data, mut left) = (Vec::new(), width * height);
    while left > 0 {
        let part = left.min(0xFFE);
        data.extend(GREY.to_le_bytes());
        data.extend((0x3000 | u16::try_from(part - 1).unwrap_or(0)).to_le_bytes());
        left -= part;
    }
    ((width, height), data)
}

struct Writer(Vec<u8>);

impl Writer {
    fn word(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn words(&mut self, values: &[u32]) {
        values.iter().for_each(|value| self.word(*value));
    }

    fn numbers(&mut self, values: &[f32]) {
        values.iter().for_each(|value| self.word(value.to_bits()));
    }

    /// Offsets and lengths; beyond 4 GiB the format has no number for them.
    fn places(&mut self, values: &[usize]) {
        values.iter().for_each(|value| self.word(u32::try_from(*value).unwrap_or(u32::MAX)));
    }
}
