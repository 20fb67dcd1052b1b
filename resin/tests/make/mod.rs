//! Resin files made by hand, after the formats' descriptions and not after their readers.

use goo::misc::EncodableLayer;
use goo::serde::{DynamicSerializer, SizedString};
use goo::slice_config::{ExposureConfig, SliceConfig};
use goo::{GooFile, HeaderInfo, LayerEncoder};

/// Of all files here: as small as displays are not.
pub const POINTS: [u32; 2] = [20, 10];

/// A picture as runs of grey; each of them has a block in its middle.
pub type Runs = Vec<(u8, u32)>;

/// Dark but for 40 points in the middle, where the third row of the block is half lit.
pub fn block() -> Runs {
    let mut runs = vec![(0, 65)];
    for row in 0..4 {
        runs.extend([(if row == 2 { 127 } else { 255 }, 10), (0, 10)]);
    }
    runs.push((0, 55));
    runs
}

/// The grey of a picture, point by point.
pub fn points(runs: &Runs) -> Vec<u8> {
    runs.iter().flat_map(|(grey, length)| vec![*grey; *length as usize]).collect()
}

/// A table whose fields are written to their places.
#[derive(Default)]
pub struct Table(pub Vec<u8>);

impl Table {
    pub fn of(length: usize) -> Self {
        Self(vec![0; length])
    }

    pub fn word(mut self, at: usize, value: u32) -> Self {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
        self
    }

    pub fn half(mut self, at: usize, value: u16) -> Self {
        self.0[at..at + 2].copy_from_slice(&value.to_le_bytes());
        self
    }

    pub fn float(self, at: usize, value: f32) -> Self {
        self.word(at, value.to_bits())
    }
}

/// A file of ChiTuBox.
pub struct ChiTu {
    pub magic: u32,
    pub version: u32,
    pub key: u32,
    /// Pictures a layer, of dark and lit only.
    pub sets: u32,
    pub points: [u32; 2],
    /// Millimetres of the display.
    pub bed: [f32; 2],
    /// s from light to light.
    pub off: f32,
    pub layers: Vec<Runs>,
}

pub const PRINT_AT: usize = 0x70;
pub const SLICER_AT: usize = 0xAC;
const NAME_AT: usize = 0xF8;
pub const VERSION_4_AT: usize = 0x100;
pub const TABLE_AT: usize = 0x160;

impl ChiTu {
    pub fn ctb(version: u32) -> Self {
        let magic = if version == 4 { 0x12FD_0106 } else { 0x12FD_0086 };
        let layers = vec![block(); 3];
        Self { magic, version, key: 0, sets: 1, points: POINTS, bed: [1.0, 0.5], off: 0.0, layers }
    }

    pub fn cbddlp(version: u32, sets: u32) -> Self {
        Self { magic: 0x12FD_0019, version, sets, ..Self::ctb(2) }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let count = u32::try_from(self.layers.len()).unwrap();
        let mut header = Table::of(0x70)
            .word(0x00, self.magic)
            .word(0x04, self.version)
            .float(0x08, self.bed[0])
            .float(0x0C, self.bed[1])
            .float(0x10, 155.0)
            .float(0x1C, 0.15)
            .float(0x20, 0.05)
            .float(0x24, 2.5)
            .float(0x28, 30.0)
            .float(0x2C, self.off)
            .word(0x30, 1)
            .word(0x34, self.points[0])
            .word(0x38, self.points[1])
            .word(0x40, u32::try_from(TABLE_AT).unwrap())
            .word(0x44, count)
            .word(0x4C, 50)
            .word(0x50, 1)
            .word(0x5C, self.sets)
            .word(0x64, self.key);
        let mut tables = Table::of(TABLE_AT - 0x70).0;
        if self.version >= 2 {
            header = header
                .word(0x54, u32::try_from(PRINT_AT).unwrap())
                .word(0x58, 60)
                .half(0x60, 255)
                .half(0x62, 250)
                .word(0x68, u32::try_from(SLICER_AT).unwrap())
                .word(0x6C, 76);
            let print = Table::of(60)
                .float(0x00, 7.0)
                .float(0x04, 60.0)
                .float(0x08, 5.0)
                .float(0x0C, 120.0)
                .float(0x10, 300.0)
                .float(0x14, 0.001)
                .word(0x28, 1);
            let slicer = Table::of(76)
                .float(0x08, if self.version == 4 { 1.0 } else { 0.0 })
                .float(0x0C, if self.version == 4 { 240.0 } else { 0.0 })
                .word(0x1C, u32::try_from(NAME_AT).unwrap())
                .word(0x20, 6)
                .word(0x40, if self.version == 4 { u32::try_from(VERSION_4_AT).unwrap() } else { 0 });
            let version_4 = Table::of(0x60)
                .float(0x00, 150.0)
                .float(0x18, 0.5)
                .float(0x1C, 0.25)
                .float(0x20, 0.75)
                .word(0x34, count - 1);
            for (at, table) in [
                (PRINT_AT, print.0),
                (SLICER_AT, slicer.0),
                (NAME_AT, b"Mars 2".to_vec()),
                (VERSION_4_AT, version_4.0),
            ] {
                tables[at - 0x70..][..table.len()].copy_from_slice(&table);
            }
        }
        let (mut entries, mut pictures) = (Vec::new(), Vec::new());
        let begin = TABLE_AT + 36 * self.layers.len() * self.sets as usize;
        for set in 0..self.sets {
            for (index, runs) in (0_u16..).zip(&self.layers) {
                let picture = match self.magic {
                    0x12FD_0019 => bits(runs, set, self.sets),
                    _ => covered(&grey(runs), self.key, u32::from(index)),
                };
                let length = u32::try_from(picture.len()).unwrap();
                let own = if self.version >= 3 { 84 } else { 0 };
                let at = u32::try_from(begin + pictures.len() + own).unwrap();
                let entry = Table::of(36)
                    .float(0x00, 0.05 * f32::from(index + 1))
                    .float(0x04, if index == 0 { 30.0 } else { 2.5 })
                    .float(0x08, self.off)
                    .word(0x0C, at)
                    .word(0x10, length)
                    .word(0x18, if self.version >= 3 { 84 } else { 0 });
                if self.version >= 3 {
                    let mut record = Table(entry.0.clone());
                    record.0.resize(84, 0);
                    let record = record
                        .word(0x24, 84 + length)
                        .float(0x28, 4.0)
                        .float(0x2C, 90.0)
                        .float(0x30, 2.0)
                        .float(0x34, 180.0)
                        .float(0x38, 210.0)
                        .float(0x3C, 1.5)
                        .float(0x40, 30.0)
                        .float(0x44, 0.1)
                        .float(0x48, 0.2)
                        .float(0x4C, 0.3)
                        .float(0x50, 255.0);
                    pictures.extend(record.0);
                }
                entries.extend(entry.0);
                pictures.extend(picture);
            }
        }
        [header.0, tables, entries, pictures].concat()
    }
}

/// Runs of 7 bits of grey.
fn grey(runs: &Runs) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (grey, length) in runs {
        let grey = grey >> 1;
        let [a, b, c, d] = length.to_be_bytes();
        match length {
            1 => bytes.push(grey),
            2..=0x7F => bytes.extend([grey | 0x80, d]),
            0x80..=0x3FFF => bytes.extend([grey | 0x80, 0x80 | c, d]),
            0x4000..=0x1F_FFFF => bytes.extend([grey | 0x80, 0xC0 | b, c, d]),
            _ => bytes.extend([grey | 0x80, 0xE0 | a, b, c, d]),
        }
    }
    bytes
}

/// Runs of dark and lit: of four sets, points are lit from grey 255, 191, 127 and 63 on.
fn bits(runs: &Runs, set: u32, sets: u32) -> Vec<u8> {
    let least = if sets == 1 { 127 } else { 256 / sets * (sets - set) - 1 };
    let mut bytes = Vec::new();
    for (grey, length) in runs {
        let lit = if u32::from(*grey) >= least { 0x80 } else { 0 };
        let mut left = *length;
        while left > 0 {
            let run = left.min(0x7D);
            bytes.push(lit | u8::try_from(run).unwrap());
            left -= run;
        }
    }
    bytes
}

/// Under its key stream, one byte after the other.
fn covered(bytes: &[u8], key: u32, layer: u32) -> Vec<u8> {
    if key == 0 {
        return bytes.to_vec();
    }
    let c = (u64::from(key) * 0x2D83_CDAC + 0xD8A8_3423) & 0xFFFF_FFFF;
    let first = ((u64::from(layer) * 0x1E15_30CD + 0xEC3D_47CD) & 0xFFFF_FFFF).wrapping_mul(c) & 0xFFFF_FFFF;
    let stream = |at: usize| {
        let word = (first + (at as u64 / 4) * c) & 0xFFFF_FFFF;
        u8::try_from(word >> (8 * (at % 4)) & 0xFF).unwrap()
    };
    bytes.iter().enumerate().map(|(at, byte)| byte ^ stream(at)).collect()
}

/// Where the settings of a GOO begin, behind its pictures.
pub const GOO_SETTINGS_AT: usize = 195_310;

/// Runs of a GOO that are all dark.
pub fn dark() -> Vec<u8> {
    let mut encoder = LayerEncoder::new();
    encoder.add_run(200, 0);
    encoder.finish().0
}

/// A file of Elegoo's, as crate `goo` writes it.
pub fn goo(change: impl FnOnce(&mut GooFile)) -> Vec<u8> {
    let exposure = ExposureConfig { exposure_time: 2.5, lift_speed: 60.0, ..ExposureConfig::default() };
    let config = SliceConfig {
        platform_resolution: POINTS,
        platform_size: [1.0, 0.5, 260.0],
        slice_height: 0.05,
        exposure_config: exposure.clone(),
        first_exposure_config: ExposureConfig { exposure_time: 30.0, ..exposure },
        first_layers: 1,
    };
    let layers = (0..3).map(|index| {
        let mut encoder = LayerEncoder::new();
        block().iter().for_each(|(grey, length)| encoder.add_run(u64::from(*length), *grey));
        EncodableLayer::finish(encoder, index, &config)
    });
    let header = HeaderInfo {
        printer_name: SizedString::new(b"Saturn 3"),
        profile_name: SizedString::new(b"Standard"),
        layer_count: 3,
        x_resolution: 20,
        y_resolution: 10,
        x_mirror: true,
        x_size: 1.0,
        y_size: 0.5,
        bottom_exposure_time: 30.0,
        exposure_time: 2.5,
        bottom_layers: 1,
        transition_layers: 0,
        retract_speed: 150.0,
        printing_time: 48,
        total_volume: 1.0,
        after_lift_time: 0.5,
        ..HeaderInfo::default()
    };
    let mut file = GooFile::new(header, layers.collect());
    change(&mut file);
    let mut bytes = DynamicSerializer::new();
    file.serialize(&mut bytes);
    bytes.into_inner()
}
