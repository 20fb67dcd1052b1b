//! A board that is not the printer's: it is asked who it is, and gets not one line of a job.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::faults::Fault as Trouble;
use hw_sim::quirks::{Face, ResetCause};
use hw_sim::rig::RigConfig;
use platen::control::session::SessionEvent;
use platen::domain::identity::{BoardSays, Evidence, Neighbour, Recognition, Rung, UsbPort, Wrong};
use platen::domain::printer::Activity;

use crate::world::{SAFE, World, curve};

const OURS: &str = "6f1e0c52-0001-4000-8000-5a4c0f9e0001";
const THEIRS: &str = "6f1e0c52-0002-4000-8000-5a4c0f9e0002";

fn board(face: Face, uuid: &str) -> RigConfig {
    let mut config = RigConfig::new(face, 115_200, 1_000, 1);
    config.firmware.uuid = uuid.to_owned();
    config
}

/// A world whose session was told what to expect.
fn world(config: RigConfig, recognition: Recognition) -> World {
    let mut world = World::new(config, SAFE, curve(50));
    world.session.expect(Some(recognition));
    world
}

/// What such a board tells of itself.
fn told_by(config: RigConfig) -> Evidence {
    let mut world = world(config, Recognition::default());
    world.open();
    world.until_ready();
    let learned = world.events.iter().find_map(|event| match event {
        SessionEvent::Recognised { evidence, learn: true } => Some(evidence.as_ref().clone()),
        _ => None,
    });
    learned.expect("a board that was never seen is learned")
}

fn expecting(known: Evidence) -> Recognition {
    Recognition { known: Some(known), ..Recognition::default() }
}

fn until_quarantined(world: &mut World) -> Wrong {
    world.run_until(60, "quarantine", |world| world.session.is_quarantined());
    world
        .events
        .iter()
        .find_map(|event| match event {
            SessionEvent::Quarantined(wrong) => Some(wrong.as_ref().clone()),
            _ => None,
        })
        .expect("it is told")
}

/// Everything the board ran but questions that move and heat nothing.
fn obeyed(world: &World) -> Vec<String> {
    let question = |line: &String| {
        ["M110", "M115", "M105", "M114"].iter().any(|code| line.starts_with(code)) || line.is_empty()
    };
    world.rig.ledger().executed().iter().filter(|line| !question(line)).cloned().collect()
}

#[test]
fn a_board_with_another_uuid_is_asked_who_it_is_and_obeys_nothing() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3] {
        let known = told_by(board(face, OURS));
        let mut world = world(board(face, THEIRS), expecting(known));
        world.open();
        let wrong = until_quarantined(&mut world);
        assert!(matches!(wrong, Wrong::Mismatch { what: Rung::Uuid, belongs_to: None, .. }), "{wrong:?}");
        assert!(wrong.in_words().contains(THEIRS));
        let job = World::job();
        assert!(world.session.start(world.moment(), job, 50).is_err());
        let sent = world.session.line().bytes_sent;
        let later = world.now + 300_000_000;
        world.run_until(301, "five minutes", |world| world.now >= later);
        assert_eq!(world.session.line().bytes_sent, sent, "it is left alone");
        assert_eq!(obeyed(&world), Vec::<String>::new(), "{face:?}");
        assert!(!world.events.contains(&SessionEvent::Ready));
    }
}

#[test]
fn a_wrong_board_that_is_hot_is_switched_off_only_where_it_is_ours_and_at_rest() {
    for (ours, rests, off) in [(true, true, true), (true, false, false), (false, true, false)] {
        let (known, theirs) = (told_by(board(Face::Marlin21, OURS)), told_by(board(Face::Marlin21, THEIRS)));
        let neighbour =
            Neighbour { name: "other".parse().unwrap(), evidence: theirs, in_place: false, rests };
        let mut recognition = expecting(known);
        recognition.neighbours.extend(ours.then_some(neighbour));
        let mut world = world(board(Face::Marlin21, THEIRS), recognition);
        world.rig.open_port(0);
        world.rig.host_write(0, b"M104 S200\nM140 S60\n");
        world.rig.advance(1_000_000);
        world.now = 1_000_000;
        world.forget_executed();
        world.session.handle_opened(world.moment());
        world.flush();
        until_quarantined(&mut world);
        let later = world.now + 5_000_000;
        world.run_until(6, "a while", |world| world.now >= later);
        let cold = ["M104 S0", "M140 S0"].iter().all(|line| obeyed(&world).iter().any(|done| done == line));
        assert_eq!(cold, off, "{:?}", obeyed(&world));
        let Activity::Quarantined { reason } = world.session.activity() else { panic!() };
        assert_eq!(reason.contains("heaters are on"), !off, "{reason}");
        if ours && !rests {
            // Its job has come to its end meanwhile.
            assert_eq!(world.session.wants_quenching().unwrap().as_str(), "other");
            world.session.quench(world.moment());
            world.flush();
            let later = world.now + 5_000_000;
            world.run_until(6, "a while", |world| world.now >= later);
            assert!(obeyed(&world).iter().any(|done| done == "M104 S0"));
            assert_eq!(world.session.wants_quenching(), None);
        }
    }
}

#[test]
fn the_right_board_prints_whatever_its_socket_is_called_now() {
    let known = told_by(board(Face::Marlin21, OURS));
    let usb = UsbPort { kind: "1a86:7523".into(), serial: None, socket: "elsewhere".into(), plugging: None };
    let recognition = Recognition { usb: Some(usb), ..expecting(known) };
    let mut world = world(board(Face::Marlin21, OURS), recognition);
    world.print_exactly(100);
    assert!(world.events.iter().any(|event| matches!(event, SessionEvent::Recognised { learn: true, .. })));
}

#[test]
fn an_answer_that_noise_has_changed_quarantines_nobody() {
    let known = told_by(board(Face::Marlin21, OURS));
    let mut quarantined = 0;
    for seed in 0..300 {
        let mut config = board(Face::Marlin21, OURS);
        config.seed = seed;
        config.wire.to_host.damage = 0.004;
        let mut world = world(config, expecting(known.clone()));
        for _ in 0..30 {
            world.open();
            world.run_until(300, "greeting", |world| {
                world.session.is_ready() || world.session.is_closed() || world.session.is_quarantined()
            });
            if !world.session.is_closed() {
                break;
            }
            world.close("test");
        }
        quarantined += usize::from(world.session.is_quarantined());
    }
    assert_eq!(quarantined, 0);
}

#[test]
fn a_board_that_was_exchanged_behind_its_adapter_is_asked_again_when_it_starts() {
    // The same wire goes on; the board behind it says that it starts, and is another one.
    let known = told_by(board(Face::Marlin21, OURS));
    let mut world = world(board(Face::Marlin21, OURS), expecting(known));
    world.open();
    world.until_ready();
    world.rig.firmware_mut().exchange(THEIRS);
    world.inject(&Trouble::Reset { cause: ResetCause::PowerUp });
    until_quarantined(&mut world);
}

#[test]
fn a_person_who_says_that_the_board_is_its_own_ends_the_quarantine_and_the_greeting_goes_on() {
    let known = told_by(board(Face::Marlin21, OURS));
    let mut world = world(board(Face::Marlin21, THEIRS), expecting(known));
    world.open();
    until_quarantined(&mut world);
    assert_eq!(world.session.evidence().unwrap().board.uuid.as_deref(), Some(THEIRS));
    world.session.accept(world.moment()).unwrap();
    world.flush();
    world.until_ready();
    // From now on this is the one: also after a reset.
    world.inject(&Trouble::Reset { cause: ResetCause::External });
    world.run_until(60, "the reset", |world| !world.session.is_ready());
    world.until_ready();
}

#[test]
fn a_board_that_only_the_journal_tells_apart_from_nobody_is_known_by_its_kind() {
    let known = told_by(RigConfig::new(Face::Klipper, 115_200, 1_000, 1));
    assert_eq!(known.board.uuid, None);
    let mut world = world(RigConfig::new(Face::Smoothieware, 115_200, 0, 1), expecting(known));
    world.open();
    let wrong = until_quarantined(&mut world);
    assert!(matches!(wrong, Wrong::Mismatch { what: Rung::FirmwareName, .. }), "{wrong:?}");
    let silent = BoardSays::default();
    assert_ne!(
        Evidence { usb: None, board: silent },
        Evidence { usb: None, board: told_by(RigConfig::new(Face::Klipper, 115_200, 1_000, 1)).board }
    );
}

#[test]
fn a_klipper_that_nobody_named_is_greeted_without_an_answer_too_many() {
    for latency_us in [0, 1_000] {
        let mut world = World::new(RigConfig::new(Face::Klipper, 0, latency_us, 1), SAFE, Vec::new());
        world.open();
        world.until_ready();
        let later = world.now + 10_000_000;
        world.run_until(11, "a while", |world| world.now >= later);
        assert!(world.session.is_ready());
    }
}
