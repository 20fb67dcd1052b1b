//! Decoding ahead keeps up: layers of a large LCD, decoded and packed while each is lit, against the copying
//! of the same bytes.
//!
//! `-- --width 6480 --height 3600 --layers 50 --every-ms 4000` takes a layer every four seconds; `--seconds
//! N` ends after that time. It prints one line of JSON.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use mask::ahead::{Ahead, AheadError, DecodeError};
use mask::clock::Monotonic;
use mask::pack::{Order, Packer, Panel, PixelFormat, Rotation, Size, Subpixels};
use nix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Pictures that are drawn; the layers of a job take turns at them.
const DRAWN: u32 = 8;

struct Options {
    width: u32,
    height: u32,
    layers: u32,
    every: Duration,
    seconds: u64,
}

fn options() -> Options {
    let mut options =
        Options { width: 6480, height: 3600, layers: 20, every: Duration::from_secs(4), seconds: 600 };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let value: u64 = arguments
            .next()
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("{name} wants a number after it"));
        let small = || u32::try_from(value).unwrap_or_else(|_| panic!("{name} {value} is too large"));
        match name.as_str() {
            "--width" => options.width = small(),
            "--height" => options.height = small(),
            "--layers" => options.layers = small().max(1),
            "--every-ms" => options.every = Duration::from_millis(value),
            "--seconds" => options.seconds = value,
            _ => panic!("{name} is unknown: --width --height --layers --every-ms --seconds"),
        }
    }
    assert!(options.width.is_multiple_of(3), "--width must be a multiple of 3: a pixel has three points");
    options
}

/// A plate full of rings with soft edges and supports between them, as a row of dental models or vessels
/// gives.
fn drawn(size: Size, number: u32) -> Vec<u8> {
    let (width, height) = (size.width as usize, size.height as usize);
    let mut picture = vec![0; width * height];
    let cell = (height / 3).max(8);
    let thick = cell as f32 * (0.06 + 0.01 * number as f32);
    for (y, row) in picture.chunks_exact_mut(width).enumerate() {
        for (x, point) in row.iter_mut().enumerate() {
            let (dx, dy) = ((x % cell) as f32 - cell as f32 / 2.0, (y % cell) as f32 - cell as f32 / 2.0);
            let wave = 1.0 + 0.08 * (6.0 * dy.atan2(dx) + number as f32).sin();
            let off_ring = (dx.hypot(dy) - 0.32 * cell as f32 * wave).abs() - thick;
            let support = if x % 97 < 5 && y % 97 < 5 { 255.0 } else { 0.0 };
            let ring = 255.0 * (0.5 - off_ring).clamp(0.0, 1.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held to 0 to 255")]
            let grey = ring.max(support) as u8;
            *point = grey;
        }
    }
    picture
}

fn png_of(size: Size, picture: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(picture).unwrap();
    bytes
}

/// What all threads of this process have used.
fn processor() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}

fn milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}

fn main() {
    let Options { width, height, layers, every, seconds } = options();
    let size = Size::new(width, height);
    let pictures: Vec<Vec<u8>> =
        (0..DRAWN.min(layers)).map(|number| png_of(size, &drawn(size, number))).collect();
    let png_bytes = pictures.iter().map(Vec::len).sum::<usize>() / pictures.len();

    let panel = Panel {
        mode: Size::new(width / 3, height),
        subpixels: Subpixels::Three,
        order: Order::Rgb,
        bits: [8, 8, 8],
        mirror_x: false,
        mirror_y: false,
        rotate: Rotation::None,
    };
    // What DRM takes: four bytes a pixel, so that there is something to pack.
    let packer = Packer::new(panel, panel.mode, PixelFormat::XRGB8888, false).unwrap();
    let packed_bytes = packer.dark().bytes().len();

    // The limit: the same bytes, read and written once.
    let (from, mut to) = (vec![1u8; packed_bytes], vec![0u8; packed_bytes]);
    let mut copies: Vec<Duration> = (0..9)
        .map(|_| {
            let began = Monotonic::now();
            to.copy_from_slice(std::hint::black_box(&from));
            std::hint::black_box(&to);
            Monotonic::now().since(began)
        })
        .collect();
    copies.sort_unstable();
    let copy = copies[copies.len() / 2];
    drop((from, to));

    let decode = move |layer: u32, picture: &mut [u8]| {
        let bytes = &pictures[layer as usize % pictures.len()];
        let error = |error: png::DecodingError| DecodeError(error.to_string());
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().map_err(error)?;
        reader.next_frame(picture).map_err(error)?;
        Ok(())
    };
    let (began, used) = (Monotonic::now(), processor());
    let ahead = Ahead::start(decode, packer, 0..layers, 2).unwrap();
    // Nobody sends anything: it is the clock that a lit layer is waited for by.
    let (_open, lit) = channel::<()>();
    let mut times = Vec::new();
    let (mut late, mut taken) = (0, 0);
    for layer in 0..layers {
        let due = began.after(every * (layer + 1));
        if due.since(began) > Duration::from_secs(seconds) {
            break;
        }
        assert_eq!(lit.recv_timeout(due.left()), Err(RecvTimeoutError::Timeout));
        let now = Monotonic::now();
        let picture = match ahead.take(layer, now, || false) {
            Ok(picture) => picture,
            Err(AheadError::TooLate { .. }) => {
                late += 1;
                ahead.take(layer, now.after(Duration::from_secs(60)), || false).unwrap()
            }
            Err(error) => panic!("{error}"),
        };
        taken += 1;
        drop(picture);
        times.extend(ahead.times());
    }
    times.extend(ahead.times());
    let (wall, used) = (Monotonic::now().since(began), processor().saturating_sub(used));
    assert!(ahead.stop(Duration::from_secs(60)), "the decoder did not end");
    assert!(!times.is_empty(), "no layer was decoded: give more --seconds or fewer --every-ms");

    let mut spans: Vec<Duration> = times.iter().map(|time| time.decode + time.pack).collect();
    spans.sort_unstable();
    let mean = |part: &dyn Fn(&mask::ahead::LayerTime) -> Duration| {
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        times.iter().map(part).sum::<Duration>() / count
    };
    let both = mean(&|time| time.decode + time.pack);
    let ratio = |span: Duration| (span.as_secs_f64() / copy.as_secs_f64() * 10.0).round() / 10.0;
    println!(
        "{}",
        json!({
            "bench": "ahead",
            "width": width,
            "height": height,
            "every_ms": milliseconds(every),
            "layers_taken": taken,
            "layers_late": late,
            "png_bytes_mean": png_bytes,
            "packed_bytes": packed_bytes,
            "decode_ms_mean": milliseconds(mean(&|time| time.decode)),
            "pack_ms_mean": milliseconds(mean(&|time| time.pack)),
            "decode_and_pack_ms": {
                "mean": milliseconds(both),
                "p95": milliseconds(spans[(spans.len() - 1) * 95 / 100]),
                "max": milliseconds(spans[spans.len() - 1]),
            },
            "core_share": (used.as_secs_f64() / wall.as_secs_f64() * 1e4).round() / 1e4,
            "limit": { "what": "memcpy of the packed bytes, median of 9", "ms": milliseconds(copy) },
            "times_the_limit": { "decode_and_pack": ratio(both), "pack": ratio(mean(&|time| time.pack)) },
        })
    );
}
