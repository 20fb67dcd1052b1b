//! Small real pictures with names and places planted all over: what is kept, what is gone, what is refused.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;

const NAME: &str = "QUIMBY^JANE";

/// A JPEG of 8 by 8 grey pixels, with these segments before its tables.
fn jpeg(further: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    for (mark, body) in further {
        segment(&mut file, *mark, body);
    }
    segment(&mut file, 0xDB, &[&[0u8][..], &[1; 64]].concat());
    segment(&mut file, 0xC0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        // One code of one bit.
        let table = [&[class, 1][..], &[0; 15], &[0]].concat();
        segment(&mut file, 0xC4, &table);
    }
    segment(&mut file, 0xDA, &[1, 1, 0, 0, 63, 0]);
    file.extend([0x3F, 0xFF, 0xD9]);
    file
}

fn segment(file: &mut Vec<u8>, mark: u8, body: &[u8]) {
    file.extend([0xFF, mark]);
    file.extend(u16::try_from(body.len() + 2).unwrap().to_be_bytes());
    file.extend(body);
}

/// A TIFF with a maker's name, an orientation and the place of a GPS; little or big end first.
fn tiff(orientation: u16, big: bool) -> Vec<u8> {
    let short = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut all = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    all.extend(long(8));
    all.extend(short(3));
    for (tag, kind, count, value) in [(0x010F, 2, 12, 100), (0x0112, 3, 1, 0), (0x8825, 4, 1, 50)] {
        all.extend(short(tag));
        all.extend(short(kind));
        all.extend(long(count));
        if tag == 0x0112 {
            all.extend(short(orientation));
            all.extend([0, 0]);
        } else {
            all.extend(long(value));
        }
    }
    all.extend(long(0));
    all.resize(100, 0);
    all.extend(format!("{NAME}\0 N 52.5163 E 13.3777").bytes());
    all
}

fn exif(orientation: u16, big: bool) -> (u8, Vec<u8>) {
    (0xE1, [&b"Exif\0\0"[..], &tiff(orientation, big)].concat())
}

/// Whatever a camera or a program may say of a picture.
fn planted() -> Vec<(u8, Vec<u8>)> {
    let with = |head: &str| [head.as_bytes(), NAME.as_bytes()].concat();
    vec![
        (0xE0, [&b"JFIF\0\x01\x02\x01\0\x48\0\x48\x01\x01"[..], &NAME.as_bytes()[..3]].concat()),
        (0xE0, with("JFXX\0")),
        exif(6, false),
        (0xE1, with("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>")),
        (0xE2, with("ICC_PROFILE\0\x01\x01")),
        (0xE2, with("MPF\0")),
        (0xED, with("Photoshop 3.0\0")),
        (0xEE, with("Adobe\0\x64\0\0\0\0\x01")),
        (0xEB, with("JP")),
        (0xFE, with("taken by ")),
        (0xF5, with("")),
    ]
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(data);
    file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(sum.sum().to_be_bytes());
}

/// Two rows of two pixels.
const PIXELS: [u8; 12] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];

/// A PNG with these chunks between its head and its pixels, and those between the pixels and its end.
fn png(before: &[(&[u8; 4], Vec<u8>)], after: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = png::SIGNATURE.to_vec();
    chunk(&mut file, b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
    for (kind, data) in before {
        chunk(&mut file, kind, data);
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    for row in PIXELS.chunks(6) {
        packed.write_all(&[0]).unwrap();
        packed.write_all(row).unwrap();
    }
    let packed = packed.finish().unwrap();
    let (first, second) = packed.split_at(5);
    chunk(&mut file, b"IDAT", first);
    chunk(&mut file, b"IDAT", second);
    for (kind, data) in after {
        chunk(&mut file, kind, data);
    }
    chunk(&mut file, b"IEND", b"");
    file
}

fn pixels_of(file: &[u8]) -> Vec<u8> {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

fn planted_png() -> Vec<u8> {
    let text = |head: &str| [head.as_bytes(), NAME.as_bytes()].concat();
    let gamma = vec![0, 0, 0xB1, 0x8F];
    let before = [
        (b"gAMA", gamma),
        (b"sRGB", vec![0]),
        (b"iCCP", text("profile\0\0")),
        (b"tEXt", text("Author\0")),
        (b"iTXt", text("XML:com.adobe.xmp\0\0\0\0\0")),
        (b"zTXt", text("Raw profile type exif\0\0")),
        (b"tIME", vec![7, 0xEA, 11, 29, 12, 0, 0]),
        (b"eXIf", tiff(8, true)),
        (b"quIm", text("")),
        (b"pHYs", vec![0, 0, 0, 1, 0, 0, 0, 1, 0]),
    ];
    let after = [(b"tEXt", text("Comment\0")), (b"eXIf", tiff(3, false))];
    let mut file = png(&before, &after);
    file.extend(NAME.bytes());
    file
}

#[test]
fn of_a_jpeg_only_the_picture_is_kept_and_how_the_camera_was_held() {
    let mut file = jpeg(&planted());
    file.extend(format!("{NAME}, a film behind the picture").bytes());
    assert!(has(&file, NAME.as_bytes()));
    let kept = clean(&file).unwrap();
    assert_eq!((kept.kind, kept.width, kept.height), (Kind::Jpeg, 8, 8));
    for gone in ["QUI", "xmp", "ICC", "MPF", "Photoshop", "taken", "52.5", "JFXX"] {
        assert!(!has(&kept.bytes, gone.as_bytes()), "{gone} is still in it");
    }
    let ours = [
        (0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec()),
        (0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec()),
        (0xEE, b"Adobe\0\x64\0\0\0\0\x01".to_vec()),
    ];
    assert_eq!(kept.bytes, jpeg(&ours), "what platen wrote, and the picture byte for byte");
    assert_eq!(clean(&kept.bytes), Ok(kept));
}

#[test]
fn a_jpeg_that_says_nothing_but_its_picture_stays_as_it_is() {
    let file = jpeg(&[]);
    assert_eq!(clean(&file).unwrap().bytes, file);
}

#[test]
fn every_way_to_hold_a_camera_is_kept_in_either_order_of_bytes() {
    for big in [true, false] {
        for orientation in 0..12u16 {
            let read = orientation::of(&tiff(orientation, big));
            let turned = (2..=8).contains(&orientation);
            assert_eq!(read.is_some(), turned, "{orientation}");
            let kept = clean(&jpeg(&[exif(orientation, big)])).unwrap().bytes;
            let again = clean(&png(&[(b"eXIf", tiff(orientation, big))], &[])).unwrap().bytes;
            assert_eq!((has(&kept, b"Exif"), has(&again, b"eXIf")), (turned, turned));
            if let Some(read) = read {
                assert!(has(&kept, &read.tiff()) && has(&again, &read.tiff()));
                assert_eq!(orientation::of(&read.tiff()), Some(read));
                assert_eq!(u16::from(read.tiff()[19]), orientation);
            }
        }
    }
    // An EXIF that cannot be read turns nothing, and goes all the same.
    for odd in [&b""[..], b"MM", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"XX\0*\0\0\0\x08"] {
        assert_eq!(orientation::of(odd), None);
    }
    let words = (0xE1, [b"Exif\0\0", NAME.as_bytes()].concat());
    assert_eq!(clean(&jpeg(&[words])).unwrap().bytes, jpeg(&[]));
}

#[test]
fn of_a_png_only_the_pixels_and_what_their_colours_mean_are_kept() {
    let file = planted_png();
    assert!(has(&file, NAME.as_bytes()));
    let kept = clean(&file).unwrap();
    assert_eq!((kept.kind, kept.width, kept.height), (Kind::Png, 2, 2));
    for gone in ["QUIMBY", "tEXt", "iTXt", "zTXt", "tIME", "iCCP", "quIm", "pHYs", "Author", "52.5"] {
        assert!(!has(&kept.bytes, gone.as_bytes()), "{gone} is still in it");
    }
    let turned = orientation::of(&tiff(8, true)).unwrap();
    let ours = [(b"eXIf", turned.tiff().to_vec()), (b"gAMA", vec![0, 0, 0xB1, 0x8F]), (b"sRGB", vec![0])];
    assert_eq!(kept.bytes, png(&ours, &[]));
    assert_eq!(pixels_of(&kept.bytes), PIXELS);
    assert_eq!(clean(&kept.bytes), Ok(kept));
    let plain = png(&[], &[]);
    assert_eq!(clean(&plain).unwrap().bytes, plain);
}

#[test]
fn a_photo_that_is_cut_anywhere_is_refused() {
    for file in [jpeg(&planted()), planted_png()] {
        let end = file.len() - if file.starts_with(&png::SIGNATURE) { NAME.len() } else { 0 };
        for length in 0..end {
            let told = clean(&file[..length]).unwrap_err();
            let expected = if length < 8 { vec![NoPhoto::Neither, NoPhoto::Cut] } else { vec![NoPhoto::Cut] };
            assert!(expected.contains(&told), "{length} of {end}: {told}");
        }
        assert!(clean(&file[..end]).is_ok());
    }
}

#[test]
fn what_is_no_photo_or_a_strange_one_is_refused_with_its_reason() {
    let head = |bytes: &[u8]| [&png::SIGNATURE[..], bytes].concat();
    let first = |kind: &[u8; 4], data: &[u8]| {
        let mut file = png::SIGNATURE.to_vec();
        chunk(&mut file, kind, data);
        file
    };
    let mut two = jpeg(&[]);
    two.truncate(two.len() - 2);
    segment(&mut two, 0xC0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    let mut bad_sum = png(&[], &[]);
    let at = bad_sum.len() - 14;
    bad_sum[at] ^= 1;
    let sized = |height: u16, width: u16| {
        let mut file = jpeg(&[]);
        let at = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        file[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
        file[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
        file
    };
    let with = |mark: u8, body: &[u8]| jpeg(&[(mark, body.to_vec())]);
    let mut passes = jpeg(&[]);
    passes.truncate(passes.len() - 2);
    for _ in 0..100 {
        segment(&mut passes, 0xDA, &[1, 1, 0, 0, 63, 0]);
        passes.push(0x3F);
    }
    #[rustfmt::skip]
    let table: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "neither a JPEG nor a PNG"),
        (b"GIF89a".to_vec(), "neither a JPEG nor a PNG"),
        (b"solid t\nendsolid".to_vec(), "neither a JPEG nor a PNG"),
        (b"\0\0\0\x18ftypheic".to_vec(), "HEIC"),
        (vec![0xFF, 0xD8, 0xFF, 0xD9], "there is no picture in it"),
        (vec![0xFF, 0xD8, 0x00, 0xD9], "something between"),
        (vec![0xFF, 0xD8, 0xFF, 0xD8], "stands where none may be"),
        (vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 1], "no length"),
        (with(0xC2, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]), "two pictures"),
        (two, "two pictures"),
        (with(0xDA, &[1, 1, 0, 0, 63, 0]), "before its size"),
        (with(0xC3, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]), "only few programs know"),
        (with(0xC9, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]), "only few programs know"),
        (with(0xC1, &[12, 0, 8, 0, 8, 1, 1, 0x11, 0]), "only few programs know"),
        (with(0xDC, &[0, 8]), "only few programs know"),
        (with(0xDB, &[&[0u8][..], &[1; 70]].concat()), "not as long"),
        (with(0xDB, &[0x20; 65]), "not as long"),
        (with(0xC4, NAME.as_bytes()), "not as long"),
        (with(0xDD, NAME.as_bytes()), "not as long"),
        (with(0xC0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0, 7]), "not as long"),
        (passes, "too many passes"),
        (sized(0, 8), "no pixels"),
        (sized(8, 0), "no pixels"),
        (sized(60_000, 60_000), "60000 by 60000 pixels, and at most 50 million are taken"),
        (head(b"\0\0\0\0\0\0\0\0\0\0\0\0"), "something between"),
        (first(b"IDAT", b"x"), "its size is not what comes first"),
        (first(b"CgBI", b"\0\0\0\0"), "telephones of Apple"),
        (first(b"IHDR", &[0; 12]), "not as long"),
        (first(b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 2, 8, 5, 0, 0, 0]), "only few programs know"),
        (first(b"IHDR", &[0xFF, 0, 0, 2, 0xFF, 0, 0, 2, 8, 2, 0, 0, 0]), "million"),
        (first(b"IHDR", &[0, 0, 0, 0, 0, 0, 0, 2, 8, 2, 0, 0, 0]), "no pixels"),
        (png(&[(b"IEND", vec![])], &[]), "there is no picture in it"),
        (png(&[(b"IEND", vec![1])], &[]), "not as long"),
        (png(&[(b"QUIM", vec![])], &[]), "pieces that only few programs know"),
        (png(&[(b"IHDR", vec![0; 13])], &[]), "two pictures"),
        (png(&[(b"PLTE", vec![1; 4])], &[]), "not as long"),
        (png(&[(b"PLTE", vec![1; 3]), (b"PLTE", vec![1; 3])], &[]), "where it may not be"),
        (png(&[(b"tRNS", vec![1; 3])], &[]), "not as long"),
        (png(&[], &[(b"tRNS", vec![1; 6])]), "where it may not be"),
        (png(&[], &[(b"tEXt", vec![1]), (b"IDAT", vec![1])]), "where it may not be"),
        (bad_sum, "does not fit its sum"),
    ];
    for (file, words) in table {
        let told = clean(&file).unwrap_err().to_string();
        assert!(told.contains(words) && told.contains("; "), "{told}, and not {words}");
        assert!(!told.contains(NAME), "{told}");
    }
}

/// A piece of a picture that may stand where it likes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let marked = (0xC0u8..=0xFF, proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(mark, body)| {
        let mut piece = Vec::new();
        segment(&mut piece, mark, &body);
        piece
    });
    let kinds = proptest::sample::select(vec![
        b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"gAMA", b"eXIf", b"tEXt", b"abcd",
    ]);
    let chunked = (kinds, proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(kind, data)| {
        let mut piece = Vec::new();
        chunk(&mut piece, kind, &data);
        piece
    });
    let whole = proptest::sample::select(vec![jpeg(&[]), png(&[], &[]), jpeg(&planted()), planted_png()]);
    let loose = proptest::collection::vec(any::<u8>(), 0..12);
    prop_oneof![3 => marked, 3 => chunked, 1 => whole, 1 => loose]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_bytes_bring_it_down_and_what_it_keeps_it_keeps_again(
        head in proptest::sample::select(vec![
            vec![], vec![0xFF, 0xD8], png::SIGNATURE.to_vec(),
            png(&[], &[])[..33].to_vec(), jpeg(&[])[..jpeg(&[]).len() - 2].to_vec(),
        ]),
        pieces in proptest::collection::vec(piece(), 0..8),
    ) {
        let file = [head, pieces.concat()].concat();
        if let Ok(kept) = clean(&file) {
            prop_assert!(kept.bytes.len() <= file.len() + 256);
            prop_assert_eq!(clean(&kept.bytes), Ok(kept));
        }
    }

    #[test]
    fn words_are_gone_wherever_metadata_may_stand(
        marks in proptest::collection::vec(0xE0u8..=0xFE, 0..6),
        filler in 0usize..40,
    ) {
        let planted: Vec<_> =
            marks.iter().map(|mark| (*mark, [vec![b' '; filler], NAME.into()].concat())).collect();
        let kept = clean(&jpeg(&planted)).unwrap();
        prop_assert_eq!(kept.bytes, jpeg(&[]));
    }

    #[test]
    fn a_changed_byte_is_refused_or_makes_another_picture_without_metadata(
        at in 0usize..4096, to in any::<u8>(), of_png in any::<bool>(),
    ) {
        let mut file = if of_png { planted_png() } else { jpeg(&planted()) };
        let at = at % file.len();
        file[at] = to;
        if let Ok(kept) = clean(&file) {
            prop_assert!(!has(&kept.bytes, NAME.as_bytes()));
            prop_assert_eq!(clean(&kept.bytes), Ok(kept));
        }
    }
}
