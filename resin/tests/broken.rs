//! Files of each format: good ones are read for what they are, and broken ones are told for what is broken.
#![allow(clippy::unwrap_used, reason = "a failed test is the message")]

mod make;

use std::io::Cursor;

use archive::sample::Zip;
use flate2::Crc;
use make::{ChiTu, GOO_SETTINGS_AT, PRINT_AT, SLICER_AT, TABLE_AT, VERSION_4_AT, block, goo, points};
use proptest::prelude::*;
use resin::check::{Code, Finding, Question, check, survey};
use resin::file::{self, FileError, Format, LIMITS, Limits, Mask, MaskAccess, Masks};
use resin::layer::{Layer, LayerIndex, Peel};
use resin::machine::{Machine, Mirrored, Resin};
use resin::sample::{Settings, encrypted, png};
use resin::units::{Micrometres, MicrometresPerSecond, Milliseconds};

type Opened<'a> = (file::ResinFile, Masks<Cursor<&'a [u8]>>);

fn open(bytes: &[u8]) -> Result<Opened<'_>, FileError> {
    Masks::open(Cursor::new(bytes), &LIMITS)
}

/// All masks of a file, as they come.
fn masks(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (file, mut masks) = open(bytes).unwrap();
    let mut mask = Mask::default();
    let mut of = |layer| {
        masks.layer(LayerIndex(layer), &mut mask).unwrap();
        assert_eq!(Some([mask.width, mask.height]), file.masks.points());
        mask.grey.clone()
    };
    (0..u32::try_from(file.layers.len()).unwrap()).map(&mut of).collect()
}

const fn um(length: i64) -> Option<Micrometres> {
    Some(Micrometres(length))
}

const fn ms(time: u64) -> Option<Milliseconds> {
    Some(Milliseconds(time))
}

const fn speed(speed: i64) -> Option<MicrometresPerSecond> {
    Some(MicrometresPerSecond(speed))
}

#[test]
fn the_tables_of_a_ctb_are_read_field_by_field() {
    let (file, _) = open(&ChiTu::ctb(2).bytes()).unwrap();
    assert_eq!(file.format, Format::Ctb);
    assert_eq!(file.masks, MaskAccess::Readable { points: [20, 10] });
    assert_eq!((file.point, file.layer_height), (Some([50.0, 50.0]), um(50)));
    assert_eq!(file.mirrored, Some(Mirrored { x: true, y: false }));
    assert_eq!((file.claims.layers, file.claims.seconds), (Some(3), Some(50.0)));
    assert_eq!(file.claims.printer.as_deref(), Some("Mars 2"));
    assert!((file.claims.millilitres.unwrap() - 0.001).abs() < 1e-9);
    let length = u64::try_from(ChiTu::ctb(2).bytes().len()).unwrap();
    let picture = (length - (TABLE_AT as u64 + 3 * 36)) / 3;
    let bottom = Layer {
        top: Micrometres(50),
        exposure: Milliseconds(30_000),
        light: Some(250),
        peel: Peel {
            lift: um(7_000),
            lift_speed: speed(1_000),
            retract_speed: speed(5_000),
            ..Peel::default()
        },
        pause: false,
        ends_at: Some(length - 2 * picture),
    };
    let last = Layer {
        top: Micrometres(150),
        exposure: Milliseconds(2_500),
        light: Some(255),
        peel: Peel {
            lift: um(5_000),
            lift_speed: speed(2_000),
            retract_speed: speed(5_000),
            ..Peel::default()
        },
        pause: false,
        ends_at: Some(length),
    };
    assert_eq!(file.layers[0], bottom);
    assert_eq!(file.layers[2], last);
}

#[test]
fn the_records_of_its_layers_say_more_with_each_version() {
    let of_version_3 =
        Peel { lift: um(4_000), lift_speed: speed(1_500), retract_speed: speed(3_500), ..Peel::default() };
    let of_version_4 = Peel {
        second_lift: um(2_000),
        second_lift_speed: speed(3_000),
        second_retract: um(1_500),
        second_retract_speed: speed(500),
        rest_before_lift: ms(100),
        rest_after_lift: ms(200),
        rest_before_light: ms(300),
        ..of_version_3
    };
    for (version, peel) in [(3, of_version_3), (4, of_version_4)] {
        let (file, _) = open(&ChiTu::ctb(version).bytes()).unwrap();
        for layer in &file.layers {
            assert_eq!((layer.peel, layer.light), (peel, Some(255)), "version {version}");
        }
    }
    // A record that is of another layer is not this one's: what the tables say of all layers holds.
    let mut bytes = ChiTu::ctb(4).bytes();
    let first = TABLE_AT + 3 * 36;
    bytes[first + 0x24] ^= 1;
    let (file, _) = open(&bytes).unwrap();
    let of_all = Peel {
        lift: um(7_000),
        lift_speed: speed(1_000),
        second_lift: um(0),
        second_retract: um(0),
        retract_speed: speed(2_500),
        rest_before_lift: ms(750),
        rest_after_lift: ms(250),
        rest_before_light: ms(500),
        ..Peel::default()
    };
    assert_eq!((file.layers[0].peel, file.layers[0].light), (of_all, Some(250)));
    assert_eq!(file.layers[1].peel, of_version_4);
}

#[test]
fn time_from_light_to_light_is_a_rest_less_the_plates_way() {
    // Up 5 mm in 2.5 s and down in 1 s.
    for (off, rest) in [(0.0, None), (3.0, None), (3.5, None), (4.0, ms(500)), (10.0, ms(6_500))] {
        let (file, _) = open(&ChiTu { off, ..ChiTu::ctb(2) }.bytes()).unwrap();
        assert_eq!(file.layers[2].peel.rest_before_light, rest, "{off} s");
    }
    // Where nothing says how the plate moves, nothing is known of the rest.
    let (file, _) = open(&ChiTu { off: 10.0, ..ChiTu::cbddlp(1, 1) }.bytes()).unwrap();
    assert_eq!(file.layers[2].peel, Peel::default());
    assert_eq!(file.layers[2].light, None);
}

#[test]
fn masks_of_a_ctb_are_what_was_drawn_under_any_key() {
    // Seven bits of grey lose the last one of eight.
    for key in [0, 1, 0x1234_5678, u32::MAX] {
        for version in [2, 3, 4] {
            let bytes = ChiTu { key, ..ChiTu::ctb(version) }.bytes();
            assert_eq!(masks(&bytes), vec![points(&block()); 3], "version {version}, key {key:#x}");
        }
    }
}

#[test]
fn runs_of_every_length_are_read() {
    let runs =
        vec![(255, 1), (0, 0x7F), (3, 0x80), (255, 0x3FFF), (1, 0x4000), (129, 0x1F_FFFF), (0, 0x20_0000)];
    let length: u32 = runs.iter().map(|(_, length)| length).sum();
    let drawn = points(&runs);
    let file = ChiTu { points: [length, 1], layers: vec![runs], key: 7, ..ChiTu::ctb(3) };
    let found = masks(&file.bytes());
    // The grey of seven bits: 1 is dark.
    let seven = |grey: u8| if grey >> 1 == 0 { 0 } else { grey | 1 };
    assert!(found[0].iter().eq(drawn.iter().map(|grey| seven(*grey)).collect::<Vec<u8>>().iter()));
}

#[test]
fn masks_of_a_cbddlp_are_counted_from_its_sets() {
    // Half lit is lit from the half on: 2 of 4 sets.
    for (version, sets, half) in [(1, 1, 255), (2, 1, 255), (2, 2, 127), (2, 4, 127), (2, 8, 127)] {
        let (file, _) = open(&ChiTu::cbddlp(version, sets).bytes()).unwrap();
        assert_eq!((file.format, file.layers.len()), (Format::Cbddlp, 3));
        let drawn = points(&block()).iter().map(|grey| if *grey == 127 { half } else { *grey }).collect();
        let found = masks(&ChiTu::cbddlp(version, sets).bytes());
        let expected: Vec<u8> = drawn;
        assert_eq!(found, vec![expected; 3], "version {version}, {sets} sets");
    }
}

#[test]
fn a_goo_that_crate_goo_wrote_is_read_field_by_field() {
    let bytes = goo(|_| {});
    let (file, _) = open(&bytes).unwrap();
    assert_eq!((file.format, file.masks.points()), (Format::Goo, Some([20, 10])));
    assert_eq!((file.point, file.layer_height), (Some([50.0, 50.0]), um(50)));
    assert_eq!(file.mirrored, Some(Mirrored { x: true, y: false }));
    assert_eq!((file.claims.layers, file.claims.seconds), (Some(3), Some(48.0)));
    assert!((file.claims.millilitres.unwrap() - 0.001).abs() < 1e-9);
    assert_eq!(file.claims.printer.as_deref(), Some("Saturn 3"));
    assert_eq!(file.claims.print_profile.as_deref(), Some("Standard"));
    assert_eq!(file.claims.slicer.as_deref(), Some("crates.io/crate/goo 0.1.1"));
    let peel = Peel {
        rest_before_lift: ms(0),
        lift: um(5_000),
        lift_speed: speed(1_083),
        second_lift: um(0),
        rest_after_lift: ms(0),
        retract_speed: speed(2_500),
        second_retract: um(0),
        rest_before_light: ms(0),
        ..Peel::default()
    };
    let picture = bytes.len() as u64 - 195_477 - 11;
    let of = |index: u64, exposure, peel| Layer {
        top: Micrometres(50 * (i64::try_from(index).unwrap() + 1)),
        exposure: Milliseconds(exposure),
        light: Some(255),
        peel,
        pause: false,
        // Two bytes delimit it.
        ends_at: Some(195_477 + picture / 3 * (index + 1) - 2),
    };
    let normal = Peel { rest_after_lift: ms(500), ..peel };
    assert_eq!(file.layers, [of(0, 30_000, peel), of(1, 2_500, normal), of(2, 2_500, normal)]);
    assert_eq!(masks(&bytes), vec![points(&block()); 3]);
}

#[test]
fn layers_of_a_goo_go_by_their_own_settings_only_where_it_says_so() {
    let change = |advance: bool| {
        open(&goo(|file| {
            file.header.advance_mode = advance;
            file.header.bottom_light_pwm = 100;
            let layer = &mut file.layers[1];
            (layer.layer_exposure_time, layer.light_pwm, layer.lift_distance) = (9.0, 77, 3.0);
            (layer.second_lift_distance, layer.second_lift_speed) = (1.0, 30.0);
            (layer.second_retract_distance, layer.second_retract_speed) = (2.0, 60.0);
            (layer.before_lift_time, layer.after_lift_time, layer.after_retract_time) = (0.1, 0.2, 0.3);
            (layer.retract_speed, layer.lift_speed, layer.pause_flag) = (120.0, 90.0, 1);
        }))
        .unwrap()
        .0
        .layers
    };
    let own = change(true);
    assert_eq!(own[1].exposure, Milliseconds(9_000));
    assert_eq!((own[1].light, own[1].pause, own[2].pause), (Some(77), true, false));
    let peel = Peel {
        rest_before_lift: ms(100),
        lift: um(3_000),
        lift_speed: speed(1_500),
        second_lift: um(1_000),
        second_lift_speed: speed(500),
        rest_after_lift: ms(200),
        retract_speed: speed(2_000),
        second_retract: um(2_000),
        second_retract_speed: speed(1_000),
        rest_before_light: ms(300),
    };
    assert_eq!(own[1].peel, peel);
    let header = change(false);
    assert_eq!((header[0].light, header[1].light), (Some(100), Some(255)));
    assert_eq!((header[1].exposure, header[1].peel.lift), (Milliseconds(2_500), um(5_000)));
    // A pause is the layer's in any case.
    assert!(header[1].pause);
}

#[test]
fn exposures_of_a_goo_fall_in_equal_steps_and_its_time_off_has_the_way_in_it() {
    let (file, _) = open(&goo(|file| {
        (file.header.bottom_exposure_time, file.header.exposure_time) = (9.0, 3.0);
        file.header.transition_layers = 2;
        file.header.after_lift_time = 0.0;
        file.header.exposure_delay_mode = false;
        file.header.turn_off_time = 10.0;
        (file.header.lift_speed, file.header.retract_speed) = (60.0, 150.0);
    }))
    .unwrap();
    let exposures: Vec<u64> = file.layers.iter().map(|layer| layer.exposure.0).collect();
    assert_eq!(exposures, [9_000, 7_000, 5_000]);
    // 5 mm up in 5 s and down in 2 s.
    assert_eq!(file.layers[2].peel.rest_before_light, ms(3_000));
}

/// Three masks of a block, for the samples of archives.
fn drawn() -> Vec<Mask> {
    vec![Mask::dark(20, 10).with_box([5.0, 3.0], [15.0, 7.0]); 3]
}

type Files = Vec<(String, Vec<u8>)>;

/// What is in an SL1, to be changed before it is packed.
fn sl1_files() -> Files {
    let [config, slicer] = Settings::default().sl1_settings(&drawn());
    let texts = [("config.ini", config), ("prusaslicer.ini", slicer)];
    let pictures =
        drawn().into_iter().enumerate().map(|(at, mask)| (format!("sample{at:05}.png"), png(&mask)));
    texts.map(|(name, text)| (name.to_owned(), text.into_bytes())).into_iter().chain(pictures).collect()
}

fn nanodlp_files() -> Files {
    let tables = Settings::default().nanodlp_tables(&drawn());
    let tables = tables.into_iter().map(|(name, table)| (name.to_owned(), table.to_string().into_bytes()));
    let pictures = drawn().into_iter().enumerate().map(|(at, mask)| (format!("{}.png", at + 1), png(&mask)));
    tables.chain(pictures).collect()
}

fn packed(files: Files) -> Vec<u8> {
    files.iter().fold(Zip::default(), |zip, (name, content)| zip.file(name, content)).bytes()
}

fn content<'a>(files: &'a mut Files, name: &str) -> &'a mut Vec<u8> {
    &mut files.iter_mut().find(|(found, _)| found == name).unwrap().1
}

/// Other words in one of its texts.
fn say(mut files: Files, name: &str, words: &str, others: &str) -> Vec<u8> {
    let text = content(&mut files, name);
    let changed = String::from_utf8(text.clone()).unwrap().replacen(words, others, 1);
    assert_ne!(changed.as_bytes(), *text, "{name} does not say {words:?}: {changed}");
    *text = changed.into_bytes();
    packed(files)
}

/// Of an SL1 that has no second file to hold it against.
fn sl1_says(words: &str, others: &str) -> Vec<u8> {
    let files = sl1_files().into_iter().filter(|(name, _)| name != "prusaslicer.ini").collect();
    say(files, "config.ini", words, others)
}

fn without(mut files: Files, name: &str) -> Vec<u8> {
    let count = files.len();
    files.retain(|(found, _)| found != name);
    assert_eq!(files.len() + 1, count);
    packed(files)
}

/// The picture of one layer in place of what it was.
fn pictured(name: &str, picture: Vec<u8>) -> Vec<u8> {
    let mut files = sl1_files();
    *content(&mut files, name) = picture;
    packed(files)
}

fn encoded(color: png::ColorType, depth: png::BitDepth, bytes: usize) -> Vec<u8> {
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, 20, 10);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(&vec![0; bytes]).unwrap();
    picture
}

fn interlaced() -> Vec<u8> {
    let mut picture = png(&drawn()[0]);
    picture[28] = 1;
    let mut crc = Crc::new();
    crc.update(&picture[12..29]);
    picture[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    picture
}

fn put(mut bytes: Vec<u8>, at: usize, what: &[u8]) -> Vec<u8> {
    bytes[at..at + what.len()].copy_from_slice(what);
    bytes
}

fn cut(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    assert!(length < bytes.len());
    bytes.truncate(length);
    bytes
}

fn ctb(version: u32, at: usize, word: u32) -> Vec<u8> {
    put(ChiTu::ctb(version).bytes(), at, &word.to_le_bytes())
}

fn ctb_float(version: u32, at: usize, number: f32) -> Vec<u8> {
    ctb(version, at, number.to_bits())
}

/// Of the second layer in the table.
const ENTRY: usize = TABLE_AT + 36;

/// A picture in place of the second one, which is as long.
fn ctb_picture(change: fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = ChiTu::ctb(2).bytes();
    let at = TABLE_AT + 3 * 36;
    let length = (bytes.len() - at) / 3;
    change(&mut bytes[at + length..][..length]);
    bytes
}

fn settings(at: usize, what: &[u8]) -> Vec<u8> {
    put(goo(|_| {}), GOO_SETTINGS_AT + at, what)
}

/// In the first layer.
fn goo_layer(at: usize, what: &[u8]) -> Vec<u8> {
    put(goo(|_| {}), 195_477 + at, what)
}

/// Runs in place of those of the second layer; their checksum is right.
fn goo_runs(runs: &[u8]) -> Vec<u8> {
    goo(|file| file.layers[1].data = runs.to_vec())
}

#[derive(Clone, Copy, Debug)]
enum Expect {
    /// By the name of the error, and a piece of its words.
    Error(&'static str, &'static str),
    /// By the gate, among other things.
    Found(Code),
}
use Expect::{Error, Found};

/// The name of an error's kind.
fn kind(error: &FileError) -> String {
    let debug = format!("{error:?}");
    debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Whatever a person would do with a file before it is printed.
fn looked_at(bytes: &[u8]) -> Result<Vec<Finding>, FileError> {
    let question = |file, pictures: Option<&_>, machine: &Machine| {
        let bytes = Some(bytes.len() as u64);
        let (resin, material, vat_now) = (&Resin::default(), None, None);
        let pictures = pictures.map(Vec::as_slice);
        check(&Question { file, pictures, machine, resin, material, vat_now, bytes })
    };
    let file = file::read(&mut Cursor::new(bytes), &LIMITS)?;
    let machine = Machine {
        display: Some([20, 10]),
        point: Some([50.0, 50.0]),
        height: um(150_000),
        longest_exposure: ms(60_000),
        mirrored: Some(Mirrored {
            x: matches!(file.format, Format::Ctb | Format::Cbddlp | Format::Goo),
            y: false,
        }),
        ..Machine::default()
    };
    if matches!(file.masks, MaskAccess::Opaque { .. }) {
        return Ok(question(&file, None, &machine));
    }
    let (again, mut masks) = Masks::open(Cursor::new(bytes), &LIMITS)?;
    assert_eq!(again, file);
    let pictures = survey(&mut masks, u32::try_from(file.layers.len()).unwrap())?;
    Ok(question(&file, Some(&pictures), &machine))
}

type Make = fn() -> Vec<u8>;
type Row = (&'static str, Make, Expect);

const GOOD: &[(&str, Make)] = &[
    ("SL1", || packed(sl1_files())),
    ("NanoDLP", || packed(nanodlp_files())),
    ("CTB 2", || ChiTu::ctb(2).bytes()),
    ("CTB 3 under a key", || ChiTu { key: 99, ..ChiTu::ctb(3) }.bytes()),
    ("CTB 4", || ChiTu::ctb(4).bytes()),
    ("photon", || ChiTu::cbddlp(1, 1).bytes()),
    ("CBDDLP of 4 sets", || ChiTu::cbddlp(2, 4).bytes()),
    ("GOO", || goo(|_| {})),
];

const BROKEN: &[Row] = &[
    ("nothing", Vec::new, Error("Unknown", "")),
    ("text", || b"G28 ; home\nG1 Z5".to_vec(), Error("Unknown", "")),
    ("SL1 cut in the middle", || cut(packed(sl1_files()), 600), Error("Damaged", "")),
    ("SL1 without config.ini", || without(sl1_files(), "config.ini"), Error("Unknown", "config.ini")),
    ("SL1, exposure no number", || sl1_says("expTime = 2", "expTime = NaN"), Error("Value", "expTime")),
    ("SL1, exposure below zero", || sl1_says("expTime = 2", "expTime = -2"), Error("Value", "expTime")),
    ("SL1, exposure of years", || sl1_says("expTime = 2", "expTime = 1e12"), Error("Value", "expTime")),
    ("SL1 without exposure", || sl1_says("expTime = 2", "expTimes = 2"), Error("Missing", "expTime")),
    (
        "SL1, flat layers",
        || sl1_says("layerHeight = 0.05", "layerHeight = 0"),
        Error("Value", "height of a layer"),
    ),
    (
        "SL1, endless layers",
        || sl1_says("layerHeight = 0.05", "layerHeight = inf"),
        Error("Value", "layerHeight"),
    ),
    ("SL1, a trial", || sl1_says("action = print", "action = calibrate"), Error("Unsupported", "action")),
    (
        "SL1 that claims 7 layers",
        || sl1_says("numFast = 3", "numFast = 7"),
        Error("Contradiction", "7 layers"),
    ),
    (
        "SL1 whose files differ",
        || say(sl1_files(), "config.ini", "expTime = 2", "expTime = 3"),
        Error("Contradiction", "expTime"),
    ),
    ("SL1, another time", || sl1_says("printTime = ", "printTime = 9"), Found(Code::TimeDiffers)),
    (
        "SL1 without its first layer",
        || without(sl1_files(), "sample00000.png"),
        Error("Damaged", "layer 1 is missing"),
    ),
    (
        "SL1 without its second layer",
        || without(sl1_files(), "sample00001.png"),
        Error("Damaged", "layer 2 is missing"),
    ),
    (
        "SL1 with two layers of one name",
        || {
            let mut files = sl1_files();
            files.push(("sample00001.png".to_owned(), png(&drawn()[0])));
            packed(files)
        },
        Error("Hostile", "same name"),
    ),
    (
        "SL1, a picture of another size",
        || pictured("sample00001.png", png(&Mask::dark(20, 11))),
        Found(Code::PictureDamaged),
    ),
    (
        "SL1, pictures of another printer",
        || Settings::default().sl1(&[Mask::dark(10, 20).with_box([2.0, 2.0], [8.0, 8.0])]),
        Found(Code::Rotated),
    ),
    (
        "SL1, an interlaced picture",
        || pictured("sample00000.png", interlaced()),
        Error("Layer", "interlaced"),
    ),
    (
        "SL1, a picture of 16 bits",
        || pictured("sample00000.png", encoded(png::ColorType::Grayscale, png::BitDepth::Sixteen, 400)),
        Error("Layer", "16"),
    ),
    (
        "SL1, a picture in colour",
        || pictured("sample00001.png", encoded(png::ColorType::Rgba, png::BitDepth::Eight, 800)),
        Found(Code::PictureDamaged),
    ),
    (
        "SL1, a picture that is cut",
        || pictured("sample00002.png", cut(png(&drawn()[0]), 60)),
        Found(Code::PictureDamaged),
    ),
    ("SL1, a picture that is none", || pictured("sample00001.png", vec![7; 99]), Found(Code::PictureDamaged)),
    ("SL1, a bomb", || pictured("sample00001.png", vec![0; 32 << 20]), Error("Hostile", "")),
    ("SL1, a blank layer", || pictured("sample00001.png", png(&Mask::dark(20, 10))), Found(Code::Blank)),
    ("SL1, settings that are no text", || say_bytes("config.ini"), Error("Damaged", "config.ini")),
    ("NanoDLP, no table", || say(nanodlp_files(), "plate.json", "{", "["), Error("Damaged", "plate.json")),
    (
        "NanoDLP, a layer fewer",
        || say(nanodlp_files(), "plate.json", "\"LayersCount\":3", "\"LayersCount\":4"),
        Error("Contradiction", "LayersCount"),
    ),
    (
        "NanoDLP, a depth below zero",
        || say(nanodlp_files(), "profile.json", "\"Depth\":50.0", "\"Depth\":-50.0"),
        Error("Value", "Depth"),
    ),
    (
        "NanoDLP without a picture",
        || without(nanodlp_files(), "2.png"),
        Error("Damaged", "layer 2 is missing"),
    ),
    (
        "NanoDLP without its settings",
        || without(nanodlp_files(), "profile.json"),
        Error("Missing", "profile.json"),
    ),
    ("CTB cut in its header", || cut(ChiTu::ctb(2).bytes(), 0x40), Error("Cut", "header")),
    ("CTB cut in its table", || cut(ChiTu::ctb(2).bytes(), TABLE_AT + 50), Error("Cut", "table of layers")),
    (
        "CTB cut in its last picture",
        || cut(ChiTu::ctb(2).bytes(), ChiTu::ctb(2).bytes().len() - 1),
        Error("Value", "layer 3, place of its picture"),
    ),
    ("CTB of another magic", || ctb(2, 0, 0x12FD_0087), Error("Unknown", "")),
    ("CTB of version 9", || ctb(2, 0x04, 9), Error("Unsupported", "version 9")),
    ("CTB without layers", || ctb(2, 0x44, 0), Error("Missing", "any layer")),
    ("CTB of 4 billion layers", || ctb(2, 0x44, u32::MAX), Error("TooMuch", "4294967295")),
    ("CTB of 40,000 layers that are not there", || ctb(2, 0x44, 40_000), Error("Cut", "table of layers")),
    ("CTB without columns", || ctb(2, 0x34, 0), Error("Value", "0 by 10")),
    ("CTB of a huge display", || ctb(2, 0x34, u32::MAX), Error("TooMuch", "points")),
    (
        "CTB, layer height no number",
        || ctb_float(2, 0x20, f32::NAN),
        Error("Value", "header, layer height: NaN"),
    ),
    ("CTB, a bed below zero", || ctb_float(2, 0x08, -1.0), Error("Value", "size of the display")),
    ("CTB, a table in its header", || ctb(2, 0x40, 0x10), Error("Contradiction", "header")),
    ("CTB, a table outside", || ctb(2, 0x40, u32::MAX), Error("Cut", "table of layers")),
    ("CTB, height no number", || ctb_float(2, ENTRY, f32::NAN), Error("Value", "layer 2, height: NaN")),
    ("CTB, a layer in the resin", || ctb_float(2, ENTRY, -0.1), Error("Value", "layer 2, height: -0.1")),
    ("CTB, exposure for ever", || ctb_float(2, ENTRY + 4, f32::INFINITY), Error("Value", "exposure: inf")),
    ("CTB, exposure of two days", || ctb_float(2, ENTRY + 4, 172_800.0), Error("Value", "longer than a day")),
    ("CTB, exposure of two minutes", || ctb_float(2, ENTRY + 4, 120.0), Found(Code::ExposureTooLong)),
    ("CTB, no exposure", || ctb_float(2, ENTRY + 4, 0.0), Found(Code::NoExposure)),
    ("CTB, a layer twice as high", || ctb_float(2, ENTRY, 0.15), Found(Code::NotRising)),
    (
        "CTB, a picture outside",
        || ctb(2, ENTRY + 12, 0x7FFF_FFFF),
        Error("Value", "layer 2, place of its picture"),
    ),
    ("CTB, a picture on page 9", || ctb(2, ENTRY + 20, 9), Error("Value", "layer 2, place of its picture")),
    (
        "CTB, a picture too long",
        || ctb(2, ENTRY + 16, u32::MAX),
        Error("Value", "layer 2, place of its picture"),
    ),
    ("CTB, a picture in its header", || ctb(2, ENTRY + 12, 0x20), Error("Value", "within a table")),
    ("CTB, a picture in its table", || ctb(2, ENTRY + 12, 0x164), Error("Value", "within a table")),
    (
        "CTB, pictures that overlap",
        || ctb(2, ENTRY + 12, u32::try_from(TABLE_AT + 3 * 36 + 3).unwrap()),
        Error("Contradiction", "overlap"),
    ),
    ("CTB, print parameters outside", || ctb(2, 0x54, 0xFFFF_FF00), Error("Cut", "print parameters")),
    ("CTB, slicer's table outside", || ctb(2, 0x68, 0xFFFF_FF00), Error("Cut", "slicer's table")),
    ("CTB, a name outside", || ctb(2, SLICER_AT + 0x1C, u32::MAX), Error("Cut", "name of the printer")),
    ("CTB, a name of 4 GB", || ctb(2, SLICER_AT + 0x20, u32::MAX), Error("Value", "name of the printer")),
    (
        "CTB, parameters of version 4 outside",
        || ctb(4, SLICER_AT + 0x40, u32::MAX),
        Error("Cut", "version 4"),
    ),
    ("CTB, a retract that jumps", || ctb_float(2, PRINT_AT + 0x10, 1e9), Error("Value", "retract speed")),
    ("CTB, a quick retract", || ctb_float(2, PRINT_AT + 0x10, 3_000.0), Found(Code::PeelSpeed)),
    ("CTB, no lift", || ctb_float(2, PRINT_AT + 0x08, 0.0), Found(Code::NoLift)),
    (
        "CTB, a rest below zero",
        || ctb_float(4, VERSION_4_AT + 0x20, -1.0),
        Error("Value", "rest before lift"),
    ),
    ("CTB 4 of seven layers", || ctb(4, VERSION_4_AT + 0x34, 6), Found(Code::LayerCount)),
    ("CTB, light above full", || ctb(2, 0x60, 300), Error("Value", "300 of 255")),
    ("CTB, light of 1,000", || ctb_record(0x50, 1_000.0), Error("Value", "1000 of 255")),
    ("CTB, no light", || ctb_record(0x50, 0.0), Found(Code::NoLight)),
    ("CTB, lift no number", || ctb_record(0x28, f32::NAN), Error("Value", "layer 1, lift: NaN")),
    (
        "CTB, a run without its length",
        || ctb_picture(|picture| *picture.last_mut().unwrap() |= 0x80),
        Found(Code::PictureDamaged),
    ),
    (
        "CTB, a run of a length of five bytes",
        || ctb_picture(|picture| picture[1] = 0xFF),
        Found(Code::PictureDamaged),
    ),
    ("CTB, a run too long", || ctb_picture(|picture| picture[1] += 1), Found(Code::PictureDamaged)),
    ("CTB, a run too short", || ctb_picture(|picture| picture[1] -= 1), Found(Code::PictureDamaged)),
    ("CTB under another key", || ctb(3, 0x64, 5), Found(Code::PictureDamaged)),
    ("CTB, encrypted", || encrypted(4_096), Found(Code::Opaque)),
    ("CTB, encrypted, and cut", || encrypted(4_096)[..4_000].to_vec(), Error("Cut", "signature")),
    (
        "CTB, encrypted, and cut in its settings",
        || encrypted(4_096)[..200].to_vec(),
        Error("Cut", "settings"),
    ),
    ("CTB, encrypted, of its magic alone", || encrypted(4_096)[..4].to_vec(), Error("Cut", "header")),
    (
        "CTB, encrypted, of nothing",
        || put(encrypted(4_096), 0x14, &0_u32.to_le_bytes()),
        Error("Value", "signature"),
    ),
    ("CTB of the clear under the magic of another", || ctb(4, 0, 0x12FD_0107), Error("Cut", "settings")),
    ("CTB with more behind it", || [ChiTu::ctb(2).bytes(), vec![1; 9]].concat(), Found(Code::FileLonger)),
    ("CTB of points that are no squares", || ctb_float(2, 0x0C, 0.6), Found(Code::PointSize)),
    ("CTB, not mirrored", || ctb(2, 0x50, 0), Found(Code::Mirrored)),
    ("CTB of some projection", || ctb(2, 0x50, 7), Found(Code::MirroringUnknown)),
    ("CTB that goes through the ceiling", || ctb_float(2, TABLE_AT + 72, 155.0), Found(Code::TooHigh)),
    (
        "CBDDLP of 1,000 sets",
        || put(ChiTu::cbddlp(2, 2).bytes(), 0x5C, &1_000_u32.to_le_bytes()),
        Error("Value", "copies of each layer"),
    ),
    (
        "CBDDLP of sets that are not there",
        || put(ChiTu::cbddlp(2, 1).bytes(), 0x5C, &16_u32.to_le_bytes()),
        Error("Cut", "table of layers"),
    ),
    (
        "CBDDLP, a run too long",
        || {
            let bytes = ChiTu::cbddlp(2, 4).bytes();
            let last = bytes.len() - 1;
            put(bytes, last, &[0x7F])
        },
        Found(Code::PictureDamaged),
    ),
    ("GOO cut in its header", || cut(goo(|_| {}), 100_000), Error("Cut", "header")),
    ("GOO cut in a layer", || cut(goo(|_| {}), 195_500), Error("Cut", "layer")),
    ("GOO without its ending", || cut(goo(|_| {}), goo(|_| {}).len() - 11), Error("Cut", "ending")),
    ("GOO of another mark", || put(goo(|_| {}), 8, b"DLQ"), Error("Unknown", "")),
    ("GOO without a delimiter", || put(goo(|_| {}), 195_308, &[0]), Error("Damaged", "delimiter at 195308")),
    ("GOO that claims 4 layers", || settings(0, &4_u32.to_be_bytes()), Found(Code::LayerCount)),
    ("GOO that claims 4 billion", || settings(0, &[255; 4]), Found(Code::LayerCount)),
    ("GOO without rows", || settings(6, &[0; 2]), Error("Value", "20 by 0")),
    ("GOO of a huge display", || settings(4, &[255; 4]), Error("TooMuch", "points")),
    ("GOO of another display", || settings(4, &[0, 10, 0, 20]), Found(Code::Rotated)),
    ("GOO, layers in its header", || settings(160, &[0; 4]), Error("Damaged", "within its header")),
    ("GOO, layers outside", || settings(160, &[255; 4]), Error("Cut", "layer")),
    ("GOO, layer height no number", || settings(22, &[255; 4]), Error("Value", "layer height: NaN")),
    ("GOO, no layers", || goo(|file| file.layers.clear()), Error("Missing", "any layer")),
    ("GOO, height no number", || goo_layer(6, &[255; 4]), Error("Value", "layer 1, height: NaN")),
    ("GOO, light above full", || goo_layer(62, &[1, 0]), Error("Value", "256 of 255")),
    (
        "GOO, a picture of nothing",
        || goo_layer(66, &[0; 4]),
        Error("Value", "length of its picture: 0 bytes"),
    ),
    ("GOO, a picture of 4 GB", || goo_layer(66, &[255; 4]), Error("Cut", "picture of a layer")),
    ("GOO, a picture without its mark", || goo_layer(70, &[0]), Error("Damaged", "layer 1")),
    ("GOO, a checksum that is wrong", || goo_layer(71, &[1]), Found(Code::PictureDamaged)),
    ("GOO, a run without its length", || goo_runs(&[0x30]), Found(Code::PictureDamaged)),
    ("GOO, grey without its value", || goo_runs(&[0x40]), Found(Code::PictureDamaged)),
    ("GOO, grey beyond white", || goo_runs(&[0xC1, 0x81]), Found(Code::PictureDamaged)),
    ("GOO, grey below black", || goo_runs(&[0x01, 0xA1]), Found(Code::PictureDamaged)),
    ("GOO, a run too long", || goo_runs(&[0x39, 0xFF, 0xFF, 0xFF]), Found(Code::PictureDamaged)),
    ("GOO, a run too short", || goo_runs(&[0x01]), Found(Code::PictureDamaged)),
    ("GOO, layers that change places", || goo(|file| file.layers.swap(1, 2)), Found(Code::NotRising)),
    ("GOO, no light", || settings(133, &[0, 0]), Found(Code::NoLight)),
    ("GOO that waits", || goo_layer(0, &[0, 1]), Found(Code::Pause)),
    (
        "GOO, all blank",
        || {
            goo(|file| {
                file.layers.iter_mut().for_each(|layer| {
                    layer.data = make::dark();
                })
            })
        },
        Found(Code::AllBlank),
    ),
    ("GOO with more behind it", || [goo(|_| {}), vec![1]].concat(), Found(Code::FileLonger)),
    ("GOO of another volume", || settings(140, &5_000_f32.to_be_bytes()), Found(Code::VolumeDiffers)),
];

/// Settings that are no text.
fn say_bytes(name: &str) -> Vec<u8> {
    let mut files = sl1_files();
    *content(&mut files, name) = vec![0xFF; 40];
    packed(files)
}

/// A number in the record before the first picture of a version 3.
fn ctb_record(at: usize, number: f32) -> Vec<u8> {
    put(ChiTu::ctb(3).bytes(), TABLE_AT + 3 * 36 + at, &number.to_le_bytes())
}

#[test]
fn a_good_file_of_each_format_has_nothing_against_it_but_notes() {
    for (name, bytes) in GOOD {
        let found = looked_at(&bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let serious = |finding: &&Finding| finding.severity > resin::check::Severity::Note;
        assert_eq!(found.iter().find(serious), None, "{name}");
    }
}

#[test]
fn each_broken_file_is_told_for_what_is_broken() {
    let mut wrong = Vec::new();
    for (name, bytes, expect) in BROKEN {
        let found = looked_at(&bytes());
        let is = match (&found, expect) {
            (Err(error), Error(wanted, words)) => kind(error) == *wanted && error.to_string().contains(words),
            (Ok(found), Found(code)) => found.iter().any(|finding| finding.code == *code),
            _ => false,
        };
        if !is {
            let found = found.map(|found| found.into_iter().map(|one| one.words).collect::<Vec<_>>());
            wrong.push(format!("{name}: {found:?}, and not {expect:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn limits_hold_for_every_format() {
    let small = [Limits { layers: 2, ..LIMITS }, Limits { points: 199, ..LIMITS }];
    for (name, bytes) in GOOD {
        for limits in small {
            let error = file::read(&mut Cursor::new(bytes()), &limits).unwrap_err();
            assert_eq!(kind(&error), "TooMuch", "{name}: {error}");
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_and_never_a_panic() {
    for (name, bytes) in GOOD {
        let bytes = bytes();
        // The pictures in a GOO's header are long, and nobody looks at them.
        let step = if *name == "GOO" { 997 } else { 1 };
        let end = (0..bytes.len()).step_by(step).chain(bytes.len().saturating_sub(300)..bytes.len());
        for length in end {
            let found = looked_at(&bytes[..length]);
            assert!(found.is_err(), "{name} of {length} bytes: {found:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_single_changed_byte_is_an_answer_or_an_error_and_never_a_panic(
        which in 0..GOOD.len(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = GOOD[which].1();
        // In a GOO, behind the pictures that nobody looks at.
        let from = if GOOD[which].0 == "GOO" { GOO_SETTINGS_AT } else { 0 };
        let at = from + at.index(bytes.len() - from);
        bytes[at] = value;
        let _ = looked_at(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_beginning_are_an_answer_or_an_error_and_never_a_panic(
        which in 0..GOOD.len(),
        keep in any::<prop::sample::Index>(),
        rest in prop::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let good = GOOD[which].1();
        let from = if GOOD[which].0 == "GOO" { GOO_SETTINGS_AT } else { 0 };
        let keep = from + keep.index(good.len() - from);
        let _ = looked_at(&[&good[..keep], &rest].concat());
    }

    #[test]
    fn any_runs_are_a_picture_or_an_error_and_never_a_panic(
        runs in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let _ = looked_at(&goo_runs(&runs));
        for good in [ChiTu::ctb(2), ChiTu::cbddlp(2, 1)] {
            let mut bytes = good.bytes();
            let at = u32::try_from(bytes.len()).unwrap();
            bytes.extend(&runs);
            let bytes = put(bytes, ENTRY + 12, &at.to_le_bytes());
            let bytes = put(bytes, ENTRY + 16, &u32::try_from(runs.len()).unwrap().to_le_bytes());
            let _ = looked_at(&bytes);
        }
    }
}
