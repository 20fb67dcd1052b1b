use std::sync::{Arc, Mutex};

use super::*;
use crate::pack::{Order, Packer, Panel, Rotation, Subpixels};

fn field(offset: u32, length: u32) -> Bitfield {
    Bitfield { offset, length, msb_right: 0 }
}

/// 4x3 pixels of 32 bits with a line of 20 bytes, in memory for two of them.
fn facts() -> (Variable, Fixed) {
    let variable = Variable {
        xres: 4,
        yres: 3,
        xres_virtual: 4,
        yres_virtual: 6,
        bits_per_pixel: 32,
        red: field(16, 8),
        green: field(8, 8),
        blue: field(0, 8),
        ..Variable::default()
    };
    let fixed =
        Fixed { smem_len: 120, visual: TRUE_COLOUR, ypanstep: 1, line_length: 20, ..Fixed::default() };
    (variable, fixed)
}

fn layout(variable: &Variable, fixed: &Fixed) -> Result<Layout, String> {
    Layout::of(Path::new("/dev/fb7"), variable, fixed, 4096).map_err(|error| error.to_string())
}

#[derive(Default)]
struct Played {
    memory: Vec<u8>,
    line: u32,
    calls: Vec<String>,
    no_pan: Option<Errno>,
    no_vsync: Option<Errno>,
}

struct Fake(Arc<Mutex<Played>>);

fn answer(missing: Option<Errno>) -> io::Result<()> {
    missing.map_or(Ok(()), |number| Err(number.into()))
}

impl Device for Fake {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().memory[offset..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(Errno::EINVAL.into())
    }

    fn pan(&mut self, line: u32) -> io::Result<()> {
        let mut played = self.0.lock().unwrap();
        played.calls.push(format!("pan {line}"));
        answer(played.no_pan)?;
        played.line = line;
        Ok(())
    }

    fn wait_for_vsync(&mut self) -> io::Result<()> {
        let mut played = self.0.lock().unwrap();
        played.calls.push("vsync".into());
        answer(played.no_vsync)
    }
}

impl Played {
    /// What is on the display: lines of 16 bytes.
    fn visible(&self) -> Vec<u8> {
        let lines = self.memory.chunks(20).skip(self.line as usize).take(3);
        lines.flat_map(|line| &line[..16]).copied().collect()
    }
}

fn opened(variable: &Variable, fixed: &Fixed, played: Played) -> (Fbdev, Arc<Mutex<Played>>) {
    let played = Arc::new(Mutex::new(Played { memory: vec![0xee; 120], ..played }));
    let layout = layout(variable, fixed).unwrap();
    (Fbdev::over(PathBuf::from("/dev/fb7"), layout, Box::new(Fake(Arc::clone(&played)))), played)
}

fn picture(grey: u8) -> Packed {
    let panel = Panel {
        mode: Size::new(4, 3),
        subpixels: Subpixels::Three,
        order: Order::Rgb,
        bits: [8; 3],
        mirror_x: false,
        mirror_y: false,
        rotate: Rotation::None,
    };
    let mut packer = Packer::new(panel, panel.mode, PixelFormat::XRGB8888, false).unwrap();
    let mut into = packer.dark();
    let whole: Vec<u8> = (0..36).map(|point| grey + point).collect();
    packer.pack(&whole, &mut into).unwrap();
    into
}

fn shown(sink: &mut Fbdev, grey: u8) -> Shown {
    sink.show(&picture(grey), &Label::new("a").unwrap()).unwrap()
}

#[test]
fn with_room_for_two_the_hidden_picture_is_written_and_turned_to() {
    let (variable, fixed) = facts();
    let (mut sink, played) = opened(&variable, &fixed, Played::default());
    sink.blank().unwrap();
    for (grey, line) in [(1, 3), (2, 0), (3, 3)] {
        assert_eq!(shown(&mut sink, grey).latch, Latch::Flipped);
        let played = played.lock().unwrap();
        assert_eq!((played.line, played.visible()), (line, picture(grey).bytes().to_vec()));
        // What lies beside the lines is not ours.
        assert!(played.memory.chunks(20).all(|line| line[16..] == [0xee; 4]));
    }
    sink.blank().unwrap();
    let dark = |line: &[u8]| line[..16] == [0; 16];
    assert!(played.lock().unwrap().memory.chunks(20).all(dark), "an earlier picture is left");
    let calls = played.lock().unwrap().calls.join(", ");
    assert_eq!(calls, "vsync, pan 3, vsync, pan 0, vsync, pan 3, vsync, vsync");
}

#[test]
fn without_a_second_picture_or_panning_the_visible_one_is_written() {
    let (variable, fixed) = facts();
    let one = Variable { yres_virtual: 3, ..variable };
    let (mut sink, played) = opened(&one, &fixed, Played::default());
    assert_eq!(shown(&mut sink, 5).latch, Latch::Flipped);
    assert_eq!(played.lock().unwrap().visible(), picture(5).bytes());

    let played = Played { no_pan: Some(Errno::EINVAL), ..Played::default() };
    let (mut sink, played) = opened(&variable, &fixed, played);
    for grey in [5, 6] {
        assert_eq!(shown(&mut sink, grey).latch, Latch::Flipped);
        assert_eq!(played.lock().unwrap().visible(), picture(grey).bytes());
    }
    assert_eq!(played.lock().unwrap().calls.join(", "), "pan 3, vsync, vsync");
}

#[test]
fn a_driver_that_cannot_say_when_it_is_out_is_not_asked_again_and_says_so() {
    let (variable, fixed) = facts();
    // 10 ms: 8 ns a pixel, 1,000 pixels a line, 1,250 lines.
    let timed = Variable { pixclock: 8_000, left_margin: 996, lower_margin: 1_247, ..variable };
    for (variable, after) in [(timed, Duration::from_millis(20)), (variable, SLOW_REFRESH * 2)] {
        let played = Played { no_vsync: Some(Errno::ENOTTY), ..Played::default() };
        let (mut sink, played) = opened(&variable, &fixed, played);
        for grey in [1, 2] {
            assert_eq!(shown(&mut sink, grey).latch, Latch::Assumed { after });
        }
        assert_eq!(played.lock().unwrap().calls.join(", "), "pan 3, vsync, pan 0");
    }
    // One of DRM copies later, whatever it says.
    let mut drm = fixed;
    drm.id[..9].copy_from_slice(b"vc4drmfb\0");
    let (mut sink, _) = opened(&variable, &drm, Played::default());
    assert!(matches!(shown(&mut sink, 1).latch, Latch::Assumed { after } if after > COPIED_LATER));
}

#[test]
fn a_driver_that_fails_is_told_of() {
    let (variable, fixed) = facts();
    let label = Label::new("a").unwrap();
    for (no_pan, no_vsync, doing) in [
        (Some(Errno::EIO), None, "turning to the picture"),
        (None, Some(Errno::ETIMEDOUT), "waiting for a refresh"),
    ] {
        let (mut sink, _) = opened(&variable, &fixed, Played { no_pan, no_vsync, ..Played::default() });
        let error = sink.show(&picture(1), &label).unwrap_err().to_string();
        assert!(error.contains("/dev/fb7") && error.contains(doing), "{error}");
    }
    let (mut sink, played) = opened(&Variable { xres: 3, ..variable }, &fixed, Played::default());
    let error = sink.show(&picture(1), &label).unwrap_err().to_string();
    assert!(error.contains("4x3") && error.contains("3x3"), "{error}");
    assert!(played.lock().unwrap().memory.iter().all(|byte| *byte == 0xee));
}

#[test]
fn it_is_dark_when_it_is_let_go_of() {
    let (variable, fixed) = facts();
    let (mut sink, played) = opened(&variable, &fixed, Played::default());
    shown(&mut sink, 9);
    drop(sink);
    assert_eq!(played.lock().unwrap().visible(), [0; 48]);
}

#[test]
fn formats_are_read_as_the_driver_gives_them() {
    let (variable, fixed) = facts();
    let of = |variable: Variable| layout(&variable, &fixed).map(|layout| layout.geometry.format);
    assert_eq!(of(variable), Ok(PixelFormat::XRGB8888));
    let (red, green, blue) = (field(11, 5), field(5, 6), field(0, 5));
    assert_eq!(of(Variable { bits_per_pixel: 16, red, green, blue, ..variable }), Ok(PixelFormat::RGB565));
    let (red, blue) = (field(0, 8), field(16, 8));
    assert_eq!(of(Variable { bits_per_pixel: 24, red, blue, ..variable }), Ok(PixelFormat::RGB888));
    let opaque = of(Variable { transp: field(24, 8), ..variable }).unwrap();
    assert_eq!(opaque.dark(), [0, 0, 0, 0xff]);
}

#[test]
fn a_framebuffer_that_masks_cannot_be_shown_on_is_refused_with_its_reason() {
    let (variable, fixed) = facts();
    let table: [(&str, Variable, Fixed); 12] = [
        ("8 bits a pixel", Variable { bits_per_pixel: 8, ..variable }, fixed),
        ("0 bits a pixel", Variable { bits_per_pixel: 0, ..variable }, fixed),
        ("true colours", variable, Fixed { visual: 3, ..fixed }),
        ("true colours", variable, Fixed { kind: 2, ..fixed }),
        ("connected", Variable { xres: 0, ..variable }, fixed),
        ("does not fit", variable, Fixed { line_length: 15, ..fixed }),
        ("does not fit", variable, Fixed { smem_len: 59, ..fixed }),
        ("does not fit", Variable { yoffset: u32::MAX, ..variable }, fixed),
        ("does not fit", Variable { xoffset: u32::MAX, ..variable }, fixed),
        ("red has 10 bits", Variable { red: field(20, 10), ..variable }, fixed),
        ("reverse", Variable { blue: Bitfield { msb_right: 1, ..field(0, 8) }, ..variable }, fixed),
        ("alpha", Variable { transp: field(40, 8), ..variable }, fixed),
    ];
    for (words, variable, fixed) in table {
        let error = layout(&variable, &fixed).unwrap_err();
        assert!(error.contains(words) && error.contains("/dev/fb7"), "{words}: {error}");
    }
}

#[test]
fn the_second_picture_is_where_the_first_is_not_shown() {
    let (variable, fixed) = facts();
    let other = |yoffset, ypanstep, yres_virtual, smem_len| {
        let variable = Variable { yoffset, yres_virtual, ..variable };
        layout(&variable, &Fixed { ypanstep, smem_len, ..fixed }).unwrap().other
    };
    assert_eq!(other(0, 1, 6, 120), Some(3));
    assert_eq!(other(3, 1, 6, 120), Some(0));
    assert_eq!(other(0, 2, 6, 120), None, "no whole number of steps");
    assert_eq!(other(0, 0, 6, 120), None);
    assert_eq!(other(0, 1, 5, 120), None);
    assert_eq!(other(0, 1, 6, 119), None);
    assert_eq!(other(1, 1, 6, 120), None, "half of each is shown");
}

#[test]
fn what_is_no_framebuffer_is_said_to_be_none_and_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain");
    std::fs::write(&file, "kept").unwrap();
    for (path, words) in [
        (file.clone(), "plain file"),
        (folder.path().to_owned(), "no device"),
        (PathBuf::from("/dev/null"), "no framebuffer"),
        (folder.path().join("missing"), "cannot be opened"),
    ] {
        let error = Fbdev::open(&FbdevConfig { path: path.clone(), console: None }).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(&*path.to_string_lossy()), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    assert!(!folder.path().join("missing").exists());
}
