use proptest::prelude::*;

use super::*;

fn panel(mode: Size, subpixels: Subpixels, order: Order, bits: [u8; 3]) -> Panel {
    Panel { mode, subpixels, order, bits, mirror_x: false, mirror_y: false, rotate: Rotation::None }
}

fn packed(panel: Panel, format: PixelFormat, grey: &[u8]) -> Vec<u8> {
    let mut packer = Packer::new(panel, panel.mode, format, false).unwrap();
    let mut into = packer.dark();
    packer.pack(grey, &mut into).unwrap();
    into.bytes
}

#[test]
fn points_come_to_lie_in_the_bits_that_the_display_has_for_them() {
    use Order::{Bgr, Rgb};
    let three = |order, bits| panel(Size::new(1, 1), Subpixels::Three, order, bits);
    let one = |bits| panel(Size::new(1, 1), Subpixels::One, Rgb, bits);
    let alpha = PixelFormat::new(
        4,
        [Channel { offset: 16, bits: 8 }, Channel { offset: 8, bits: 8 }, Channel { offset: 0, bits: 8 }],
        0xff00_0000,
    )
    .unwrap();
    type Row<'a> = (&'a str, Panel, PixelFormat, &'a [u8], &'a [u8]);
    let table: [Row; 9] = [
        ("the row itself", three(Rgb, [8; 3]), PixelFormat::RGB888, &[1, 2, 3], &[1, 2, 3]),
        ("the row itself, SL1S", three(Bgr, [8; 3]), PixelFormat::BGR888, &[1, 2, 3], &[1, 2, 3]),
        ("left is red", three(Rgb, [8; 3]), PixelFormat::BGR888, &[1, 2, 3], &[3, 2, 1]),
        ("DRM, left is red", three(Rgb, [8; 3]), PixelFormat::XRGB8888, &[1, 2, 3], &[3, 2, 1, 0]),
        ("DRM, left is blue", three(Bgr, [8; 3]), PixelFormat::XRGB8888, &[1, 2, 3], &[1, 2, 3, 0]),
        ("opaque", three(Bgr, [8; 3]), alpha, &[1, 2, 3], &[1, 2, 3, 0xff]),
        // 11111 000001 10000 from the top (facts B.5).
        ("Odyssey", three(Rgb, [5, 6, 5]), PixelFormat::RGB565, &[255, 7, 128], &[0b0011_0000, 0b1111_1000]),
        ("one in all", one([5, 6, 5]), PixelFormat::RGB565, &[255], &[0xff, 0xff]),
        ("SL1", one([8; 3]), PixelFormat::GREY8, &[77], &[77]),
    ];
    for (name, panel, format, grey, bytes) in table {
        assert_eq!(packed(panel, format, grey), bytes, "{name}");
    }
}

#[test]
fn a_picture_is_mirrored_first_and_then_turned_clockwise() {
    // 1 2 3
    // 4 5 6
    let grey = [1, 2, 3, 4, 5, 6];
    let table: [(bool, bool, Rotation, [u8; 6]); 9] = [
        (false, false, Rotation::None, [1, 2, 3, 4, 5, 6]),
        (true, false, Rotation::None, [3, 2, 1, 6, 5, 4]),
        (false, true, Rotation::None, [4, 5, 6, 1, 2, 3]),
        (false, false, Rotation::By180, [6, 5, 4, 3, 2, 1]),
        (true, true, Rotation::By180, [1, 2, 3, 4, 5, 6]),
        (false, false, Rotation::By90, [4, 1, 5, 2, 6, 3]),
        (false, false, Rotation::By270, [3, 6, 2, 5, 1, 4]),
        (true, false, Rotation::By90, [6, 3, 5, 2, 4, 1]),
        (false, true, Rotation::By90, [1, 4, 2, 5, 3, 6]),
    ];
    for (mirror_x, mirror_y, rotate, bytes) in table {
        let mode = if rotate.is_upright() { Size::new(3, 2) } else { Size::new(2, 3) };
        let panel = Panel { mirror_x, mirror_y, rotate, ..panel(mode, Subpixels::One, Order::Rgb, [8; 3]) };
        assert_eq!(panel.logical(), Size::new(3, 2));
        assert_eq!(packed(panel, PixelFormat::GREY8, &grey), bytes, "{mirror_x} {mirror_y} {rotate:?}");
    }
}

#[test]
fn a_panel_that_is_not_the_printers_says_both_sizes() {
    let odyssey = panel(Size::new(2160, 3600), Subpixels::Three, Order::Rgb, [5, 6, 5]);
    assert_eq!(odyssey.check(Size::new(6480, 3600)), Ok(()));
    let error = odyssey.check(Size::new(3600, 6480)).unwrap_err().to_string();
    assert!(error.contains("6480x3600") && error.contains("3600x6480"), "{error}");
    let turned = Panel { rotate: Rotation::By90, ..odyssey };
    assert_eq!(turned.check(Size::new(3600, 6480)), Ok(()));
}

#[test]
fn a_panel_that_its_display_cannot_serve_is_refused() {
    let good = panel(Size::new(4, 4), Subpixels::Three, Order::Rgb, [8; 3]);
    let wide = |width, height| Panel { mode: Size::new(width, height), ..good };
    let new = |panel: Panel, format| Packer::new(panel, Size::new(4, 4), format, false).map(|_| ());
    assert_eq!(new(good, PixelFormat::RGB888), Ok(()));
    assert_eq!(new(good, PixelFormat::GREY8), Err(PackError::NoColours));
    assert_eq!(
        new(good, PixelFormat::RGB565),
        Err(PackError::OtherBits { panel: [8; 3], display: [5, 6, 5] })
    );
    let other = PackError::OtherMode { panel: Size::new(5, 4), display: Size::new(4, 4) };
    assert_eq!(new(wide(5, 4), PixelFormat::RGB888), Err(other));
    for (width, height) in [(0, 4), (4, 0), (u32::MAX, u32::MAX), (65535, 1), (21845, 65535)] {
        let error = new(wide(width, height), PixelFormat::RGB888).unwrap_err();
        assert!(matches!(error, PackError::Points { .. }), "{width}x{height}: {error}");
    }
}

#[test]
fn a_pixel_format_that_cannot_be_is_refused() {
    let at = |offset, bits| Channel { offset, bits };
    let table = [
        (0, [at(0, 8); 3], 0, "1 to 4 bytes"),
        (5, [at(0, 8); 3], 0, "1 to 4 bytes"),
        (4, [at(20, 10), at(10, 10), at(0, 10)], 0, "1 to 8"),
        (4, [at(16, 0), at(8, 8), at(0, 8)], 0, "1 to 8"),
        (2, [at(12, 5), at(5, 6), at(0, 5)], 0, "within"),
        (3, [at(255, 8), at(8, 8), at(0, 8)], 0, "within"),
        (4, [at(16, 8), at(15, 8), at(0, 8)], 0, "over another"),
        (4, [at(16, 8), at(8, 8), at(0, 8)], 0x0100_0001, "always"),
        (2, [at(11, 5), at(5, 6), at(0, 5)], 0x1_0000, "always"),
    ];
    for (bytes, channels, always, words) in table {
        let error = PixelFormat::new(bytes, channels, always).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for (bits, wide, format) in [
        ([8; 3], true, Ok(PixelFormat::XRGB8888)),
        ([8; 3], false, Ok(PixelFormat::RGB888)),
        ([5, 6, 5], true, Ok(PixelFormat::RGB565)),
        ([6, 6, 6], true, Err(PackError::Bits { bits: [6; 3] })),
    ] {
        assert_eq!(PixelFormat::of_bits(bits, wide), format);
    }
}

#[test]
fn a_picture_of_another_length_is_refused() {
    let panel = panel(Size::new(2, 2), Subpixels::Three, Order::Rgb, [8; 3]);
    let mut packer = Packer::new(panel, panel.mode, PixelFormat::RGB888, false).unwrap();
    let mut into = packer.dark();
    for length in [0, 11, 13] {
        let error = packer.pack(&vec![9; length], &mut into).unwrap_err().to_string();
        assert!(error.contains(&length.to_string()) && error.contains("12"), "{error}");
    }
    assert_eq!(into, packer.dark());
}

#[test]
fn nothing_of_an_earlier_picture_is_left_in_one_that_is_drawn_in_part() {
    for format in [PixelFormat::RGB888, PixelFormat::XRGB8888] {
        let panel = panel(Size::new(2, 1), Subpixels::Three, Order::Rgb, [8; 3]);
        let mut packer = Packer::new(panel, panel.mode, format, true).unwrap();
        let mut into = packer.dark();
        let all = |picture: &mut [u8]| -> Result<(), ()> {
            picture.fill(200);
            Ok(())
        };
        packer.fill(&mut into, all).unwrap();
        let part = |picture: &mut [u8]| -> Result<(), ()> {
            picture[1] = 9;
            Ok(())
        };
        packer.fill(&mut into, part).unwrap();
        assert_eq!(packer.unpack(&into), [0, 9, 0, 0, 0, 0]);
        assert_eq!(into.logical(), LogicalHash::of(&[0, 9, 0, 0, 0, 0], true));
        assert_eq!(packer.fill(&mut into, |_| Err("broken")), Err("broken"));
    }
}

#[test]
fn the_hash_is_of_the_picture_as_its_file_has_it_however_it_is_turned() {
    let grey: Vec<u8> = (0..12).collect();
    for rotate in [Rotation::None, Rotation::By90, Rotation::By180] {
        let mode = if rotate.is_upright() { Size::new(4, 3) } else { Size::new(3, 4) };
        let panel = Panel { rotate, ..panel(mode, Subpixels::One, Order::Rgb, [8; 3]) };
        let mut packer = Packer::new(panel, mode, PixelFormat::GREY8, true).unwrap();
        let mut into = packer.dark();
        packer.pack(&grey, &mut into).unwrap();
        // By sha256sum and the crc32 of Python's zlib over the bytes 0 to 11.
        let sha256 = into.logical().sha256.unwrap().map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(sha256, SHA256_OF_0_TO_11);
        assert_eq!(into.logical().crc32, CRC32_OF_0_TO_11);
    }
}

/// The plain way, point by point, step by step.
fn turned_plainly(panel: &Panel, grey: &[u8]) -> Vec<u8> {
    let Size { width, height } = panel.logical();
    let mut rows: Vec<Vec<u8>> = grey.chunks(width as usize).map(<[u8]>::to_vec).collect();
    assert_eq!(rows.len(), height as usize);
    if panel.mirror_x {
        rows.iter_mut().for_each(|row| row.reverse());
    }
    if panel.mirror_y {
        rows.reverse();
    }
    let quarters = match panel.rotate {
        Rotation::None => 0,
        Rotation::By90 => 1,
        Rotation::By180 => 2,
        Rotation::By270 => 3,
    };
    for _ in 0..quarters {
        let turned = |column: usize| rows.iter().rev().map(|row| row[column]).collect::<Vec<u8>>();
        rows = (0..rows[0].len()).map(turned).collect();
    }
    rows.concat()
}

fn any_panel() -> impl Strategy<Value = (Panel, PixelFormat)> {
    let format = prop_oneof![
        Just(PixelFormat::RGB888),
        Just(PixelFormat::BGR888),
        Just(PixelFormat::XRGB8888),
        Just(PixelFormat::RGB565),
        Just(PixelFormat::GREY8),
    ];
    let rotate =
        prop_oneof![Just(Rotation::None), Just(Rotation::By90), Just(Rotation::By180), Just(Rotation::By270)];
    let booleans = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    // Across the blocks in which pictures are turned.
    (1u32..150, 1u32..150, format, rotate, booleans).prop_map(
        |(width, height, format, rotate, (three, rgb, mirror_x, mirror_y))| {
            let three = three && format != PixelFormat::GREY8;
            let panel = Panel {
                mode: Size::new(width, height),
                subpixels: if three { Subpixels::Three } else { Subpixels::One },
                order: if rgb { Order::Rgb } else { Order::Bgr },
                bits: format.bits(),
                mirror_x,
                mirror_y,
                rotate,
            };
            (panel, format)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_unpacked_is_what_was_packed_as_exact_as_its_bits((panel, format) in any_panel(), seed: u64) {
        let mut packer = Packer::new(panel, panel.mode, format, false).unwrap();
        let grey = noise(packer.logical_bytes(), seed);
        let mut into = packer.dark();
        packer.pack(&grey, &mut into).unwrap();

        let lies = turned_plainly(&panel, &grey);
        let quantised = |place: usize, grey: u8| {
            let colour = match panel.subpixels {
                Subpixels::One => 1,
                Subpixels::Three if panel.order == Order::Rgb => place % 3,
                Subpixels::Three => 2 - place % 3,
            };
            let lost = 8 - u32::from(panel.bits[colour]);
            (grey >> lost) << lost
        };
        let lies: Vec<u8> = lies.into_iter().enumerate().map(|(at, grey)| quantised(at, grey)).collect();
        prop_assert_eq!(points_of(&into, panel.subpixels, panel.order), lies);

        // And back: as it was, but for the bits that no channel has.
        let back = packer.unpack(&into);
        let coarsest = 8 - u32::from(*panel.bits.iter().min().unwrap());
        prop_assert_eq!(back.len(), grey.len());
        for (was, is) in grey.iter().zip(&back) {
            prop_assert_eq!(was >> coarsest, is >> coarsest);
            prop_assert!(is <= was);
        }
        if panel.bits == [8; 3] {
            prop_assert_eq!(&back, &grey);
        }

        // Drawn into its place or beside it, it is the same.
        let mut drawn = packer.dark();
        let draw = |picture: &mut [u8]| -> Result<(), ()> {
            picture.copy_from_slice(&grey);
            Ok(())
        };
        packer.fill(&mut drawn, draw).unwrap();
        prop_assert_eq!(drawn, into);
    }
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

const SHA256_OF_0_TO_11: &str = "fff3a9bcdd37363d703c1c4f9512533686157868f0d4f16a0f02d0f1da24f9a2";
const CRC32_OF_0_TO_11: u32 = 0x9270c965;
