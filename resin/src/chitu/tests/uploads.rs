//! Files over the line.

use super::toy::{NAME, Rig, SIZE, Toy, job, name, s};
use crate::chitu::blocks::{BadUpload, PAYLOAD_MAX, Upload, UploadError, block};
use crate::chitu::state::{Doubt, Ending, Event, NotStarted, Refused, State};

fn upload(toy: Toy) -> (Rig, Vec<u8>) {
    let mut rig = Rig::idle(Toy { files: Default::default(), ..toy });
    rig.file = (0..SIZE).map(|byte| (byte % 251) as u8).collect();
    rig.session.upload(name(), SIZE).unwrap();
    assert_eq!(rig.session.state(), State::Uploading);
    rig.until(|rig| rig.session.state() == State::Idle);
    let file = rig.file.clone();
    (rig, file)
}

fn failure(rig: &Rig) -> &UploadError {
    rig.events
        .iter()
        .find_map(|event| if let Event::NotUploaded(why) = event { Some(why) } else { None })
        .unwrap()
}

#[test]
fn a_block_is_framed_as_the_facts_show() {
    assert_eq!(block(b"test", 0).unwrap(), [0x74, 0x65, 0x73, 0x74, 0, 0, 0, 0, 0x16, 0x83]);
    let long = block(&[0; PAYLOAD_MAX], 0x0102_0304).unwrap();
    assert_eq!(long.len(), PAYLOAD_MAX + 6);
    assert_eq!(long[PAYLOAD_MAX..], [4, 3, 2, 1, 4 ^ 3 ^ 2 ^ 1, 0x83]);
    assert_eq!(block(&[], 0), None);
    assert_eq!(block(&[0; PAYLOAD_MAX + 1], 0), None);
}

#[test]
fn a_file_arrives_byte_by_byte_and_prints() {
    for how in ["works", "noisy"] {
        let (mut rig, file) = upload(Toy { upload: how, ..Toy::default() });
        assert!(rig.has(&Event::Uploaded { name: name(), size: SIZE }), "{how}: {:?}", rig.events);
        assert_eq!(rig.toy.data, file);
        rig.session.start(job()).unwrap();
        assert_eq!(rig.ended(), Ending::Completed);
    }
}

#[test]
fn a_board_that_makes_an_empty_file_is_found_out() {
    let (rig, _) = upload(Toy { upload: "empty", ..Toy::default() });
    assert_eq!(failure(&rig), &UploadError::EmptyFile);
}

#[test]
fn a_board_that_takes_no_blocks_is_given_up_and_its_file_closed() {
    let (rig, _) = upload(Toy { upload: "deaf", ..Toy::default() });
    assert_eq!(failure(&rig), &UploadError::NoProgress(0));
    assert_eq!(rig.said("M29"), 1);
}

#[test]
fn an_upload_that_is_stopped_closes_its_file() {
    let mut rig = Rig::idle(Toy::default());
    rig.file = vec![1; 1_000_000];
    rig.session.upload(name(), 1_000_000).unwrap();
    rig.until(|rig| rig.toy.data.len() > 5000);
    rig.session.halt_motors().unwrap_err();
    rig.session.stop().unwrap();
    rig.until(|rig| rig.session.state() == State::Idle);
    assert_eq!(failure(&rig), &UploadError::CalledOff);
    assert_eq!(rig.said("M29"), 1);
    rig.run(s(5));
    assert!(rig.well());
    let data = rig.toy.log.iter().position(|line| line == &format!("M28 {NAME}")).unwrap();
    let closed = rig.toy.log.iter().position(|line| line == "M29").unwrap();
    assert!(rig.toy.log[data + 1..closed].iter().all(|line| line.starts_with("block ")));
}

/// Somebody has died in an upload.
fn left_open(toy: Toy) -> Toy {
    Toy { open: Some(NAME.into()), data: vec![7; 2560], files: Default::default(), ..toy }
}

#[test]
fn a_file_that_somebody_has_left_open_is_closed_and_never_taken_for_one() {
    for upload in ["works", "noisy"] {
        for toy in [Toy::default(), Toy::mars_pro()] {
            let mut rig = Rig::open(left_open(Toy { upload, ..toy }));
            rig.until(|rig| rig.session.state() == State::Idle);
            assert_eq!((rig.said("M29"), rig.toy.open.as_deref()), (1, None), "{:?}", rig.toy.log);
            assert!(rig.well() && rig.has(&Event::Doubt(Doubt::FileWasOpen)));
            // Half of it is there under its name.
            assert_eq!(rig.toy.files[NAME], 2560);
            rig.session.start(job()).unwrap();
            let wrong = NotStarted::WrongSize { name: name(), on_board: 2560, wanted: SIZE };
            rig.until(|rig| rig.has(&Event::NotStarted(wrong.clone())));
            rig.file = (0..SIZE).map(|byte| (byte % 251) as u8).collect();
            rig.session.upload(name(), SIZE).unwrap();
            rig.until(|rig| rig.has(&Event::Uploaded { name: name(), size: SIZE }));
            rig.session.start(job()).unwrap();
            assert_eq!(rig.ended(), Ending::Completed);
        }
    }
}

#[test]
fn a_port_that_was_lost_in_an_upload_is_as_good_as_new_when_it_is_back() {
    let mut rig = Rig::idle(Toy::default());
    rig.file = vec![1; 1_000_000];
    rig.session.upload(name(), 1_000_000).unwrap();
    rig.until(|rig| rig.toy.data.len() > 5000);
    rig.session.handle_closed(rig.now);
    rig.run(s(20));
    rig.session.handle_opened(rig.now);
    rig.until(|rig| rig.session.state() == State::Idle);
    assert_eq!(failure(&rig), &UploadError::NoAnswer);
    assert_eq!((rig.said("M29"), rig.toy.open.as_deref()), (1, None));
}

#[test]
fn no_file_is_closed_on_a_board_that_is_silent_or_prints_or_misses_one_question_and_seldom_on_another() {
    let mut silent = Rig::open(Toy { deaf: true, ..Toy::default() });
    silent.run(s(120));
    assert_eq!(silent.said("M29"), 0);
    silent.toy.deaf = false;
    silent.until(|rig| rig.session.state() == State::Idle);
    assert_eq!(silent.said("M29"), 0);
    // Each `M4002` is lost, and each `M4000` heard.
    let mut toy = Toy::default();
    toy.begin(s(1), SIZE);
    toy.unheard = Some("M4002");
    let mut prints = Rig::open(toy);
    prints.run(s(20));
    assert!(prints.said("M4000") >= 1);
    assert_eq!(prints.said("M29"), 0);
    // It knows no `M4002`: to close a file is no harm, but no end in itself.
    let mut other = Rig::open(Toy { unheard: Some("M4002"), ..Toy::default() });
    other.run(s(600));
    assert_eq!(other.said("M29"), 3);
    let mut once = Rig::open(Toy { unheard: Some("M4002"), ..Toy::default() });
    once.until(|rig| rig.said("M4000") == 1);
    once.toy.unheard = None;
    once.until(|rig| rig.session.state() == State::Idle);
    assert_eq!(once.said("M29"), 0);
}

#[test]
fn nothing_but_the_piece_that_is_wanted_can_be_given() {
    assert_eq!(Upload::new(name(), 0), Err(BadUpload::Size(0)));
    assert_eq!(Upload::new(name(), 1 << 32), Err(BadUpload::Size(1 << 32)));
    let mut rig = Rig::idle(Toy::default());
    assert!(matches!(rig.session.give(0, &[1]), Err(Refused::NotNow(_))));
    rig.session.upload(name(), 5).unwrap();
    assert!(matches!(rig.session.give(0, &[1; 5]), Err(Refused::File(BadUpload::NotWanted { .. }))));
}
