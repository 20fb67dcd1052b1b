use serde_json::Value;

use super::*;
use crate::pack::{Packer, Panel, Rotation};

const SIZE: Size = Size { width: 2, height: 2 };

fn packer(sha256: bool) -> Packer {
    let panel = Panel {
        mode: SIZE,
        subpixels: Subpixels::Three,
        order: Order::Bgr,
        bits: [8; 3],
        mirror_x: false,
        mirror_y: false,
        rotate: Rotation::None,
    };
    Packer::new(panel, SIZE, PixelFormat::BGR888, sha256).unwrap()
}

fn picture(grey: u8) -> Packed {
    let mut packer = packer(true);
    let mut into = packer.dark();
    packer.pack(&(0..12).map(|point| grey + point).collect::<Vec<u8>>(), &mut into).unwrap();
    into
}

fn config(folder: &Path, form: Form, keep: u32) -> FileConfig {
    FileConfig {
        mode: SIZE,
        format: PixelFormat::BGR888,
        frames: Some(Frames { folder: folder.join("frames"), form, keep }),
        ledger: Some(folder.join("ledger.jsonl")),
    }
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn lines(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("ledger.jsonl")).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("frames")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

const PGM: Form = Form::Pgm { subpixels: Subpixels::Three, order: Order::Bgr };

#[test]
fn each_change_is_a_line_with_its_time_and_the_hash_of_the_logical_picture() {
    let folder = tempfile::tempdir().unwrap();
    let before = Monotonic::now();
    let mut sink = FileSink::open(config(folder.path(), PGM, 10)).unwrap();
    assert!(sink.geometry().sha256);
    sink.blank().unwrap();
    let shown = sink.show(&picture(1), &label("job-7/3")).unwrap();
    assert_eq!(shown.latch, Latch::Flipped);
    sink.blank().unwrap();

    let lines = lines(folder.path());
    assert_eq!(
        lines.iter().map(|line| line["what"].as_str().unwrap()).collect::<Vec<_>>(),
        ["blank", "shown", "blank"]
    );
    let times: Vec<u64> = lines.iter().map(|line| line["at_ns"].as_u64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] >= before.0 && times[2] <= Monotonic::now().0);
    let line = &lines[1];
    assert_eq!((line["at_ns"].as_u64(), line["label"].as_str()), (Some(shown.at.0), Some("job-7/3")));
    let grey: Vec<u8> = (1..13).collect();
    let hash = crate::pack::LogicalHash::of(&grey, true);
    assert_eq!(line["sha256"].as_str().unwrap(), hexadecimal(&hash.sha256.unwrap()));
    assert_eq!(line["crc32"].as_str().unwrap(), format!("{:08x}", hash.crc32));
    let pgm = fs::read(folder.path().join("frames").join(line["file"].as_str().unwrap())).unwrap();
    assert_eq!(pgm, [b"P5\n6 2\n255\n".as_slice(), &grey].concat());
}

#[test]
fn as_many_pictures_are_kept_as_wanted_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let mut sink = FileSink::open(config(folder.path(), Form::Raw, 3)).unwrap();
        for layer in 0..5 {
            sink.show(&picture(10 * round + layer), &label("a")).unwrap();
        }
    }
    let kept = ["frame-0000000008.raw", "frame-0000000009.raw", "frame-0000000010.raw"];
    assert_eq!(names(folder.path()), kept);
    let last = fs::read(folder.path().join("frames").join(kept[2])).unwrap();
    assert_eq!(last, picture(14).bytes());
    assert_eq!(lines(folder.path()).len(), 10);

    // What is not ours stays.
    fs::write(folder.path().join("frames/frame-notes.txt"), "mine").unwrap();
    let mut sink = FileSink::open(config(folder.path(), PGM, 1)).unwrap();
    sink.show(&picture(1), &label("a")).unwrap();
    assert_eq!(names(folder.path()), ["frame-0000000011.pgm", "frame-notes.txt"]);
}

#[test]
fn a_line_that_was_cut_does_not_spoil_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    fs::write(&ledger, "{\"at_ns\":1,\"wha").unwrap();
    let mut sink = FileSink::open(config(folder.path(), PGM, 1)).unwrap();
    sink.blank().unwrap();
    let text = fs::read_to_string(&ledger).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((text.lines().count(), last["what"].as_str()), (2, Some("blank")));
}

#[test]
fn a_ledger_that_grew_too_long_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    let file = File::create(&ledger).unwrap();
    file.set_len(LEDGER_MOST - 2).unwrap();
    let mut sink = FileSink::open(config(folder.path(), PGM, 1)).unwrap();
    sink.blank().unwrap();
    assert_eq!(lines(folder.path()).len(), 1);
    assert!(fs::metadata(folder.path().join("ledger.jsonl.old")).unwrap().len() >= LEDGER_MOST - 2);
}

#[test]
fn what_cannot_be_written_to_is_said_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let with = |ledger: &Path, frames: &Path, keep| FileConfig {
        frames: Some(Frames { folder: frames.to_owned(), form: PGM, keep }),
        ledger: Some(ledger.to_owned()),
        ..config(folder.path(), PGM, 1)
    };
    let (good, inside) = (folder.path().join("ledger"), plain.join("inside"));
    for (config, words) in [
        (with(&inside, folder.path(), 1), "inside"),
        (with(folder.path(), folder.path(), 1), "cannot be opened"),
        (with(Path::new("/dev/null"), folder.path(), 1), "plain file"),
        (with(&good, &plain, 1), "plain"),
        (with(&good, folder.path(), 0), "0 pictures"),
        (with(&good, folder.path(), u32::MAX), "1 to 100000"),
    ] {
        let error = FileSink::open(config).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    // The folder is taken away while it shows.
    let mut sink = FileSink::open(config(folder.path(), PGM, 1)).unwrap();
    fs::remove_dir(folder.path().join("frames")).unwrap();
    let error = sink.show(&picture(1), &label("a")).unwrap_err().to_string();
    assert!(error.contains("frame-0000000001.pgm"), "{error}");
    assert_eq!(lines(folder.path()).len(), 0);
}

#[test]
fn a_picture_for_another_display_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = FileConfig { mode: Size::new(2, 3), ..config(folder.path(), PGM, 1) };
    let error = FileSink::open(other).unwrap().show(&picture(1), &label("a")).unwrap_err().to_string();
    assert!(error.contains("2x2") && error.contains("2x3"), "{error}");
    assert_eq!((names(folder.path()).len(), lines(folder.path()).len()), (0, 0));
}
