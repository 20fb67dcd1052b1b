use proptest::prelude::*;

use super::*;
use crate::file::{Claims, MaskAccess};
use crate::machine::Vat;
use crate::picture::Bounds;
use crate::timing::Estimate;

/// Ten layers of a part that suits its printer and its resin.
#[derive(Clone, Debug)]
struct Case {
    file: ResinFile,
    pictures: Option<Vec<Picture>>,
    machine: Machine,
    resin: Resin,
    material: Option<&'static str>,
    vat_now: Option<f64>,
    bytes: Option<u64>,
}

const SECOND: u64 = 1_000;
/// Two at the plate, two between, and the others, s.
const EXPOSURES: [u64; 10] = [20, 20, 15, 10, 3, 3, 3, 3, 3, 3];

impl Case {
    fn good() -> Self {
        let peel = Peel {
            lift: Some(Micrometres(6_000)),
            lift_speed: Some(MicrometresPerSecond(1_000)),
            retract_speed: Some(MicrometresPerSecond(2_000)),
            rest_before_light: Some(Milliseconds(SECOND)),
            ..Peel::default()
        };
        let layer = |(index, exposure): (i64, u64)| Layer {
            top: Micrometres(50 * (index + 1)),
            exposure: Milliseconds(exposure * SECOND),
            light: Some(255),
            peel,
            pause: false,
            ends_at: Some(1_000 + 100 * index.unsigned_abs()),
        };
        let points = [10_000, 5_000];
        let mirrored = Some(Mirrored { x: true, y: false });
        let file = ResinFile {
            format: Format::Goo,
            masks: MaskAccess::Readable { points },
            point: Some([50.0, 50.0]),
            mirrored,
            layer_height: Some(Micrometres(50)),
            layers: (0..).zip(EXPOSURES).map(layer).collect(),
            claims: Claims {
                layers: Some(10),
                // Ten times 10 s besides.
                seconds: Some(183.0),
                millilitres: Some(12.5),
                material: Some("Dental Model 2".to_owned()),
                ..Claims::default()
            },
        };
        // A fifth of the display: 1.25 ml in 50 µm.
        let lit = 10_000_000;
        let bounds = Some(Bounds { columns: [10, 9_000], rows: [10, 4_000] });
        let picture = Picture::Seen(Survey { lit, grey: lit * 255, bounds });
        Self {
            file,
            pictures: Some(vec![picture; 10]),
            machine: Machine {
                display: Some(points),
                point: Some([50.0, 50.0]),
                mirrored,
                height: Some(Micrometres(150_000)),
                longest_exposure: Some(Milliseconds(60 * SECOND)),
                vat: Some(Vat { holds: 300.0, keeps: 20.0 }),
                peel: Peel::default(),
            },
            resin: Resin {
                exposure: Some([Milliseconds(2 * SECOND), Milliseconds(4 * SECOND)]),
                bottom_exposure: Some([Milliseconds(15 * SECOND), Milliseconds(40 * SECOND)]),
                layer_height: Some([Micrometres(25), Micrometres(100)]),
            },
            material: Some("dental-model 2"),
            vat_now: Some(200.0),
            bytes: Some(1_900 + 13),
        }
    }

    fn check(&self) -> Vec<Finding> {
        check(&Question {
            file: &self.file,
            pictures: self.pictures.as_deref(),
            machine: &self.machine,
            resin: &self.resin,
            material: self.material,
            vat_now: self.vat_now,
            bytes: self.bytes,
        })
    }

    fn picture(&mut self, layer: usize, picture: Picture) {
        self.pictures.as_mut().unwrap()[layer] = picture;
        self.file.claims.millilitres = None;
    }
}

fn dark() -> Picture {
    Picture::Seen(Survey::default())
}

/// What is done to the good case, what is found then and nothing else, at which layer from 1 and of how many,
/// and a piece of the words for the first of them.
type Row = (&'static str, fn(&mut Case), &'static [Code], Option<(u32, u32)>, &'static str);

const ROWS: &[Row] = &[
    ("nothing", |_| {}, &[], None, ""),
    ("encrypted", |case| case.file.format = Format::EncryptedCtb, &[Code::Opaque], None, "encrypted"),
    (
        "no layers",
        |case| {
            case.file.layers.clear();
            case.pictures = Some(Vec::new());
            case.file.claims = Claims::default();
        },
        &[Code::NoLayers],
        None,
        "no layers",
    ),
    (
        "one claimed more",
        |case| case.file.claims.layers = Some(11),
        &[Code::LayerCount],
        None,
        "has 11 layers, and 10 are in it",
    ),
    (
        "another display",
        |case| case.machine.display = Some([10_000, 6_000]),
        &[Code::Resolution],
        None,
        "10000 by 5000 points, and the display has 10000 by 6000",
    ),
    ("a display across", |case| case.machine.display = Some([5_000, 10_000]), &[Code::Rotated], None, "5000"),
    (
        "mirrored otherwise",
        |case| case.machine.mirrored = Some(Mirrored { x: false, y: true }),
        &[Code::Mirrored],
        None,
        "mirrored along X, and the printer's are mirrored along Y",
    ),
    ("mirroring not said", |case| case.file.mirrored = None, &[Code::MirroringUnknown], None, "does not say"),
    (
        "other points",
        |case| case.machine.point = Some([50.0, 47.25]),
        &[Code::PointSize],
        None,
        "a length of 10 mm would come out as 9.45 mm",
    ),
    (
        "a layer as high as the one before",
        |case| case.file.layers[4].top = Micrometres(200),
        &[Code::NotRising, Code::Uneven],
        Some((5, 1)),
        "layer 5 is 0 mm above the one below it",
    ),
    (
        "the first one at the plate's zero",
        |case| {
            case.file.claims.millilitres = None;
            case.file.layers.iter_mut().for_each(|layer| layer.top.0 -= 50);
        },
        &[Code::NotRising],
        Some((1, 1)),
        "layer 1",
    ),
    (
        "two layers left out",
        |case| {
            case.file.claims.millilitres = None;
            case.file.layers[5..].iter_mut().for_each(|layer| layer.top.0 += 100);
        },
        &[Code::Gap],
        Some((6, 1)),
        "layer 6 is 0.15 mm above the one below it, and layers are 0.05 mm",
    ),
    (
        "a thicker and a thinner one",
        |case| case.file.layers[3].top.0 += 10,
        &[Code::Uneven],
        Some((4, 2)),
        "layer 4 is 0.06 mm thick, and the file says 0.05 mm, and so 1 layer more",
    ),
    (
        "a resin for thick layers",
        |case| case.resin.layer_height = Some([Micrometres(100), Micrometres(200)]),
        &[Code::LayerHeight],
        None,
        "0.05 mm thick, and the resin takes 0.1 mm to 0.2 mm",
    ),
    (
        "a low printer",
        |case| case.machine.height = Some(Micrometres(400)),
        &[Code::TooHigh],
        Some((9, 2)),
        "0.5 mm high, and from layer 9 above the 0.4 mm",
    ),
    (
        "a layer in the dark",
        |case| case.file.layers[6].exposure = Milliseconds(0),
        &[Code::NoExposure],
        Some((7, 1)),
        "layer 7 is lit for 0 s",
    ),
    (
        "a printer that lights shortly",
        |case| case.machine.longest_exposure = Some(Milliseconds(18_000)),
        &[Code::ExposureTooLong],
        Some((1, 2)),
        "layer 1 is lit for 20 s, and the printer lights 18 s at most, and so 1 layer more",
    ),
    (
        "a quick resin",
        |case| case.resin.exposure = Some([Milliseconds(1_000), Milliseconds(2_500)]),
        &[Code::ExposureAboveResin],
        Some((5, 6)),
        "layer 5 is lit for 3 s, and the resin takes 1 s to 2.5 s",
    ),
    (
        "a slow resin",
        |case| case.resin.exposure = Some([Milliseconds(3_001), Milliseconds(9_000)]),
        &[Code::ExposureBelowResin],
        Some((5, 6)),
        "3.001 s",
    ),
    (
        "a resin that sticks soon",
        |case| case.resin.bottom_exposure = Some([Milliseconds(9_000), Milliseconds(18_000)]),
        &[Code::BottomAboveResin],
        Some((1, 2)),
        "bottom layer 1 is lit for 20 s",
    ),
    (
        "a resin that sticks late",
        |case| case.resin.bottom_exposure = Some([Milliseconds(25_000), Milliseconds(40_000)]),
        &[Code::BottomBelowResin],
        Some((1, 2)),
        "25 s to 40 s",
    ),
    (
        "all layers as long as the first",
        |case| {
            case.file.claims.seconds = None;
            case.file.layers.iter_mut().for_each(|layer| layer.exposure = Milliseconds(3_000));
        },
        &[Code::BottomBelowResin],
        Some((1, 1)),
        "bottom layer 1 is lit for 3 s",
    ),
    (
        "the first ones shorter",
        |case| {
            case.file.claims.seconds = None;
            case.resin.bottom_exposure = None;
            case.file.layers[..2].iter_mut().for_each(|layer| layer.exposure = Milliseconds(1_000));
            case.file.layers[2..4].iter_mut().for_each(|layer| layer.exposure = Milliseconds(3_000));
        },
        &[Code::BottomShorter],
        Some((1, 2)),
        "bottom layer 1 is lit for 1 s, less than the 3 s",
    ),
    ("no light", |case| case.file.layers[3].light = Some(0), &[Code::NoLight], Some((4, 1)), "brightness 0"),
    (
        "less light",
        |case| case.file.layers.iter_mut().for_each(|layer| layer.light = Some(200)),
        &[Code::LightDimmed],
        Some((1, 10)),
        "200 of 255",
    ),
    (
        "no lift",
        |case| case.file.layers[2].peel.lift = Some(Micrometres(0)),
        &[Code::NoLift],
        Some((3, 1)),
        "does not lift after layer 3",
    ),
    (
        "no lift of the profile's",
        |case| {
            case.file.claims.seconds = None;
            case.file.layers.iter_mut().for_each(|layer| layer.peel.lift = None);
            case.machine.peel.lift = Some(Micrometres(0));
        },
        &[Code::NoLift],
        // The last layer is not peeled for another one.
        Some((1, 9)),
        "layer 1",
    ),
    (
        "hardly a lift",
        |case| case.file.layers[2].peel.lift = Some(Micrometres(400)),
        &[Code::LiftAbsurd],
        Some((3, 1)),
        "lifts 0.4 mm after layer 3",
    ),
    (
        "a plate that jumps",
        |case| case.file.layers[2].peel.retract_speed = Some(MicrometresPerSecond(60_000)),
        &[Code::PeelSpeed],
        Some((3, 1)),
        "60 mm/s after layer 3",
    ),
    ("a pause", |case| case.file.layers[7].pause = true, &[Code::Pause], Some((8, 1)), "before layer 8"),
    (
        "another time",
        |case| case.file.claims.seconds = Some(100.0),
        &[Code::TimeDiffers],
        None,
        "takes 100 s, and its layers take 183 s",
    ),
    (
        "another time than its own settings make",
        |case| {
            case.file.claims.estimate = Some(Estimate {
                exposure: 3.0,
                first_exposure: 20.0,
                faded: 2,
                height: 0.05,
                first_height: 0.05,
                fast_tilt: 5.0,
                slow_tilt: 8.0,
                fast_layers: 10,
                slow_layers: 0,
            });
        },
        &[Code::TimeDiffers],
        None,
        "183 s",
    ),
    (
        "another volume",
        |case| case.file.claims.millilitres = Some(12.8),
        &[Code::VolumeDiffers],
        None,
        "takes 12.80 ml, and its pictures take 12.50 ml",
    ),
    (
        "a small vat",
        |case| case.machine.vat = Some(Vat { holds: 31.0, keeps: 20.0 }),
        &[Code::Refill],
        Some((9, 2)),
        "refill before layer 9",
    ),
    (
        "a small vat, and nobody looked",
        |case| {
            case.pictures = None;
            case.machine.vat = Some(Vat { holds: 31.0, keeps: 20.0 });
        },
        &[Code::Refill],
        None,
        "it takes 12.5 ml, and of 31.0 ml that the vat holds 20.0 ml have to stay",
    ),
    (
        "a vat that is nearly empty",
        |case| case.vat_now = Some(26.0),
        &[Code::VatLow],
        Some((5, 6)),
        "of 26.0 ml that are in the vat now 20.0 ml have to stay: refill before layer 5",
    ),
    (
        "nothing at all",
        |case| (0..10).for_each(|layer| case.picture(layer, dark())),
        &[Code::AllBlank],
        None,
        "in any layer",
    ),
    (
        "nothing at the plate",
        |case| (0..2).for_each(|layer| case.picture(layer, dark())),
        &[Code::FirstBlank],
        Some((1, 2)),
        "nothing is lit in layer 1",
    ),
    ("nothing in the part", |case| case.picture(5, dark()), &[Code::Blank], Some((6, 1)), "layer 6"),
    (
        "nothing at the end",
        |case| (8..10).for_each(|layer| case.picture(layer, dark())),
        &[Code::LastBlank],
        Some((9, 2)),
        "layer 9",
    ),
    (
        "light in the first column",
        |case| {
            let bounds = Some(Bounds { columns: [0, 10], rows: [5, 6] });
            case.picture(3, Picture::Seen(Survey { lit: 9, grey: 90, bounds }));
        },
        &[Code::CutOff],
        Some((4, 1)),
        "layer 4 reaches the edge",
    ),
    (
        "light in the last row",
        |case| {
            let bounds = Some(Bounds { columns: [1, 10], rows: [5, 4_999] });
            case.picture(3, Picture::Seen(Survey { lit: 9, grey: 90, bounds }));
        },
        &[Code::CutOff],
        Some((4, 1)),
        "layer 4",
    ),
    (
        "a picture that is damaged",
        |case| case.picture(3, Picture::Damaged("does not match its checksum".to_owned())),
        &[Code::PictureDamaged],
        Some((4, 1)),
        "the picture of layer 4 does not match its checksum",
    ),
    (
        "something behind it",
        |case| case.bytes = Some(1_900 + 13 + 5),
        &[Code::FileLonger],
        None,
        "5 bytes stand behind",
    ),
    (
        "another resin",
        |case| case.material = Some("Castable"),
        &[Code::MaterialDiffers],
        None,
        "sliced for \"Dental Model 2\", and \"Castable\"",
    ),
];

#[test]
fn each_fault_is_found_by_its_code_and_nothing_else_is() {
    for (name, spoil, codes, layers, words) in ROWS {
        let mut case = Case::good();
        spoil(&mut case);
        let found = case.check();
        let of: Vec<Code> = found.iter().map(|finding| finding.code).collect();
        assert_eq!(of, *codes, "{name}: {found:#?}");
        let Some(first) = found.first() else { continue };
        let place = first.layers.map(|layers| (layers.first.0 + 1, layers.count));
        assert_eq!(place, *layers, "{name}: {found:#?}");
        assert!(first.words.contains(words), "{name}: {}", first.words);
        assert_eq!((first.severity, first.cure), (first.code.severity(), first.code.cure()), "{name}");
        assert_eq!(refused(&found), codes.iter().any(|code| code.severity() == Severity::Error), "{name}");
    }
}

#[test]
fn every_code_has_a_fault_that_shows_it_and_a_text_of_its_own() {
    for code in Code::ALL {
        assert!(ROWS.iter().any(|(_, _, codes, _, _)| codes.first() == Some(code)), "{code} is never found");
        let text = code.text();
        assert!(text.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{text}");
        assert_eq!(Code::ALL.iter().filter(|other| other.text() == text).count(), 1, "{text}");
        assert_eq!(serde_json::to_value(code).unwrap(), text);
    }
}

#[test]
fn what_is_not_known_refuses_nothing() {
    let mut case = Case::good();
    case.machine = Machine::default();
    case.resin = Resin::default();
    (case.material, case.vat_now, case.bytes, case.pictures) = (None, None, None, None);
    assert_eq!(case.check(), []);
    // Nor what the file does not say.
    case = Case::good();
    case.file.claims = Claims::default();
    (case.file.point, case.file.layer_height) = (None, None);
    for layer in &mut case.file.layers {
        (layer.light, layer.ends_at, layer.peel) = (None, None, Peel::default());
    }
    assert_eq!(case.check(), []);
}

#[test]
fn layers_that_lead_from_the_bottom_to_the_others_are_neither() {
    let of = |exposures: &[u64]| -> Vec<Layer> {
        exposures
            .iter()
            .map(|exposure| Layer { exposure: Milliseconds(*exposure), ..Layer::default() })
            .collect()
    };
    for (exposures, ends) in [
        (&[][..], (0, 0)),
        (&[3], (1, 1)),
        (&[3, 3, 3], (1, 1)),
        (&[9, 3, 3], (1, 1)),
        (&[9, 9, 7, 5, 3, 3, 3, 3, 3], (2, 4)),
        // One in the middle is not led to.
        (&[9, 9, 3, 5, 3, 3, 3], (2, 2)),
        (&[1, 1, 2, 3, 3, 3, 3], (2, 3)),
    ] {
        assert_eq!(bottoms(&of(exposures)), ends, "{exposures:?}");
    }
}

/// µm, longer than any printer.
const LONG: i64 = 10_000_000;

proptest! {
    #[test]
    fn whatever_the_layers_are_there_is_an_answer_and_its_layers_are_there(
        layers in prop::collection::vec(
            (-LONG..LONG, 0_u64..90_000_000, any::<Option<u8>>(), 0..LONG, any::<bool>()),
            0..12,
        ),
        height in -5_i64..10_000_000,
        seen in prop::collection::vec(prop::option::of(0_u64..1_000_000_000), 0..12),
        vat in (-1e9..1e9, -1e9..1e9),
    ) {
        let mut case = Case::good();
        let of = |(top, exposure, light, lift, pause): (i64, u64, Option<u8>, i64, bool)| Layer {
            top: Micrometres(top),
            exposure: Milliseconds(exposure),
            light,
            peel: Peel { lift: Some(Micrometres(lift)), ..Peel::default() },
            pause,
            ends_at: None,
        };
        case.file.layers = layers.into_iter().map(of).collect();
        case.file.layer_height = Some(Micrometres(height));
        let picture = |grey: Option<u64>| match grey {
            Some(grey) => Picture::Seen(Survey { lit: grey, grey, bounds: None }),
            None => Picture::Damaged("is no picture".to_owned()),
        };
        case.pictures = Some(seen.into_iter().map(picture).collect());
        case.machine.vat = Some(Vat { holds: vat.0, keeps: vat.1 });
        let longest = case.file.layers.len().max(case.pictures.as_ref().map_or(0, Vec::len));
        for finding in case.check() {
            if let Some(layers) = finding.layers {
                let end = u64::from(layers.first.0) + u64::from(layers.count);
                prop_assert!(layers.count > 0 && end <= longest as u64, "{finding:?}");
            }
        }
    }
}
