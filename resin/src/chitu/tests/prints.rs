//! Prints from the start to the end, as boards of all kinds do them.

use super::toy::{LAYER, NAME, Rig, SIZE, Toy, job, ms, opaque, s};
use crate::chitu::dialect::{NameTold, StartWay, Tells};
use crate::chitu::layers::Layers;
use crate::chitu::state::{Doubt, Ending, Event, Job, NotStarted, Refused, State, StopProof, Unproven};
use crate::layer::LayerIndex;
use crate::units::{Micrometres, MicrometresPerSecond};

fn reached(rig: &Rig) -> Vec<u32> {
    let layer =
        |event: &Event| if let Event::LayerReached(LayerIndex(layer)) = event { Some(*layer) } else { None };
    rig.events.iter().filter_map(layer).collect()
}

fn boards() -> Vec<Toy> {
    vec![
        Toy::default(),
        Toy::mars_pro(),
        Toy { name_told: "basename", idle_done: "0/0/0", ..Toy::default() },
        Toy { name_told: "ok_only", end_read: false, ..Toy::default() },
        Toy { status: "ok_only", ..Toy::default() },
        Toy { status: "ok_only", progress: "split", end_read: false, ..Toy::mars_pro() },
        Toy { progress: "none", ..Toy::default() },
        Toy { latency: ms(2000), ..Toy::default() },
    ]
}

#[test]
fn a_board_is_greeted_and_what_it_can_is_learned() {
    let rig = Rig::idle(Toy::mars_pro());
    let dialect = rig.session.dialect();
    assert_eq!(dialect.firmware.as_deref(), Some("V4.4.3_LCDC"));
    assert_eq!(dialect.height(), Some(Micrometres(155_000)));
    assert_eq!(dialect.axes.encoding.as_deref(), Some("GBK"));
    assert_eq!(
        (dialect.status, dialect.progress, dialect.name),
        (Tells::Yes, Tells::Yes, NameTold::NotAsked)
    );
    assert_eq!(dialect.start_way(None), StartWay::M23M24);
    let rig = Rig::idle(Toy { status: "ok_only", progress: "none", ..Toy::default() });
    assert!(!rig.session.dialect().tells_printing());
}

#[test]
fn every_kind_of_board_prints_to_its_last_layer_and_that_is_completed() {
    for toy in boards() {
        let mut rig = Rig::idle(toy.clone());
        rig.session.start(job()).unwrap();
        assert_eq!(rig.ended(), Ending::Completed, "{toy:?}");
        assert_eq!(reached(&rig), [0, 1, 2, 3, 4], "{toy:?}");
        let states: Vec<State> = rig
            .events
            .iter()
            .filter_map(|event| if let Event::StateChanged(state) = event { Some(*state) } else { None })
            .collect();
        assert_eq!(
            states,
            [State::Selecting, State::Starting, State::Printing, State::Ended(Ending::Completed)]
        );
        assert_eq!(rig.said(&format!("M23 /{NAME}")), 1);
    }
}

#[test]
fn a_print_that_ends_before_its_last_layer_was_cancelled_at_the_panel() {
    for toy in boards() {
        let mut rig = Rig::printing(toy, job());
        rig.until(|rig| reached(rig).contains(&2));
        let now = rig.now;
        rig.toy.end(now);
        assert_eq!(rig.ended(), Ending::CancelledAtPanel { last_layer: Some(LayerIndex(2)) });
    }
}

#[test]
fn of_an_opaque_file_bytes_are_told_and_an_end_before_the_last_byte_is_not_known() {
    let mut rig = Rig::printing(Toy::default(), opaque());
    assert_eq!(rig.ended(), Ending::Unknown { last_layer: None, why: Unproven::OpaqueFile });
    assert!(rig.events.iter().any(|event| matches!(event, Event::Progress(p) if p.bytes == 4000)));
    assert!(reached(&rig).is_empty());

    // Where the last byte is read, it is.
    let mut rig = Rig::idle(Toy { files: [(NAME.to_owned(), 5000)].into(), ..Toy::default() });
    let mut job = opaque();
    job.size = 5000;
    rig.session.start(job).unwrap();
    assert_eq!(rig.ended(), Ending::Completed);

    // Or the last one that is printed.
    let mut rig = Rig::printing(Toy::default(), Job { layers: Layers::opaque_to(5_000), ..opaque() });
    assert_eq!(rig.ended(), Ending::Completed);
    let mut rig = Rig::printing(Toy::default(), Job { layers: Layers::opaque_to(5_001), ..opaque() });
    assert_eq!(rig.ended(), Ending::Unknown { last_layer: None, why: Unproven::OpaqueFile });
}

#[test]
fn where_the_firmware_does_not_tell_the_way_to_start_the_other_is_tried_once() {
    for (toy, first) in [
        (Toy { starts: "m24", ..Toy::default() }, StartWay::M6030),
        (Toy { starts: "m6030", ..Toy::mars_pro() }, StartWay::M23M24),
    ] {
        let mut rig = Rig::printing(toy, job());
        assert!(rig.has(&Event::Doubt(Doubt::OtherWay(first))));
        assert_eq!(rig.session.dialect().start, Some(first.other()));
        assert_eq!(rig.ended(), Ending::Completed);
        // What has worked is what is done the next time.
        rig.events.clear();
        rig.session.start(job()).unwrap();
        assert_eq!(rig.ended(), Ending::Completed);
        assert!(!rig.events.iter().any(|event| matches!(event, Event::Doubt(_))), "{:?}", rig.events);
    }
}

#[test]
fn a_board_that_says_ok_and_never_prints_has_not_started() {
    let mut rig = Rig::idle(Toy { starts: "never", ..Toy::default() });
    rig.session.start(job()).unwrap();
    rig.until(|rig| rig.session.state() == State::Idle);
    assert!(rig.has(&Event::NotStarted(NotStarted::NotPrinting { said: "ok".into() })), "{:?}", rig.events);
    assert_eq!((rig.said(&format!("M6030 '{NAME}'")), rig.said("M24")), (1, 1));
}

#[test]
fn a_board_that_cannot_be_asked_whether_it_prints_is_told_nothing() {
    let mut rig = Rig::idle(Toy { status: "ok_only", progress: "none", ..Toy::default() });
    rig.session.start(job()).unwrap();
    rig.run(s(10));
    assert_eq!(rig.events, [Event::NotStarted(NotStarted::TellsNothing)]);
    assert_eq!(rig.said(&format!("M23 /{NAME}")), 0);
}

#[test]
fn a_pause_is_one_when_the_board_says_so_and_goes_on_only_from_there() {
    let mut rig = Rig::printing(Toy::default(), job());
    assert!(matches!(rig.session.resume(), Err(Refused::NotNow(State::Printing))));
    rig.session.pause().unwrap();
    let asked = rig.now;
    assert_eq!(rig.session.state(), State::Pausing);
    rig.until(|rig| rig.session.state() == State::Paused);
    assert!(rig.now - asked >= s(4));
    rig.run(s(30));
    rig.session.resume().unwrap();
    rig.until(|rig| rig.session.state() == State::Printing);
    assert_eq!(rig.said("M24"), 1);
    assert_eq!(rig.ended(), Ending::Completed);
}

#[test]
fn what_is_paused_and_resumed_at_the_panel_is_seen() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.toy.print.as_mut().unwrap().paused = true;
    rig.until(|rig| rig.session.state() == State::Paused);
    rig.toy.print.as_mut().unwrap().paused = false;
    rig.until(|rig| rig.session.state() == State::Printing);
}

#[test]
fn a_paused_print_that_was_cancelled_at_the_panel_is_not_started_anew_by_going_on() {
    let mut rig = Rig::printing(Toy::mars_pro(), job());
    rig.session.pause().unwrap();
    rig.until(|rig| rig.session.state() == State::Paused);
    let now = rig.now;
    rig.toy.end_read = false;
    rig.toy.end(now);
    let starts = rig.said("M24");
    rig.session.resume().unwrap();
    assert!(matches!(rig.ended(), Ending::CancelledAtPanel { .. }));
    assert_eq!(rig.said("M24"), starts);
}

#[test]
fn a_stop_is_proven_by_the_board_and_its_plate() {
    for toy in boards().into_iter().filter(|toy| toy.progress != "none") {
        let mut rig = Rig::printing(toy, job());
        rig.until(|rig| reached(rig).contains(&1));
        rig.session.stop().unwrap();
        assert_eq!(rig.session.state(), State::Stopping);
        let proof = StopProof::NotPrintingAndRising;
        assert_eq!(rig.ended(), Ending::Stopped { last_layer: Some(LayerIndex(1)), proof });
        assert_eq!(rig.said("M33"), 1);
    }
}

#[test]
fn a_plate_that_does_not_rise_after_a_stop_is_told() {
    let mut rig = Rig::printing(Toy { rises: false, ..Toy::default() }, job());
    rig.until(|rig| reached(rig).contains(&1));
    rig.session.stop().unwrap();
    let proof = StopProof::NotPrinting;
    assert!(matches!(rig.ended(), Ending::Stopped { proof: told, .. } if told == proof));
    assert!(rig.has(&Event::Doubt(Doubt::PlateNotRising)));
}

#[test]
fn a_board_that_says_ok_to_a_stop_and_prints_on_is_told_again_and_doubted() {
    let mut rig = Rig::printing(Toy { ignores_stop: true, ..Toy::default() }, job());
    rig.session.stop().unwrap();
    rig.until(|rig| rig.has(&Event::Doubt(Doubt::StillPrinting)));
    rig.until(|rig| rig.said("M33") >= 2);
    assert_eq!(rig.session.state(), State::Stopping);
    rig.toy.ignores_stop = false;
    rig.ended();
}

#[test]
fn halting_the_motors_goes_first_and_promises_nothing_of_the_light() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.session.stop().unwrap();
    rig.session.halt_motors().unwrap();
    rig.until(|rig| rig.said("M33") == 1);
    let at = |code: &str| rig.toy.log.iter().position(|line| line == code).unwrap();
    assert!(at("M112") < at("M33"));
    assert!(rig.has(&Event::Doubt(Doubt::LightNotKnown)));
}

#[test]
fn a_plate_is_raised_within_reach_and_never_while_it_prints() {
    let (by, speed) = (Micrometres(10_000), MicrometresPerSecond(10_000));
    let mut rig = Rig::idle(Toy::default());
    rig.session.raise(by, speed).unwrap();
    rig.until(|rig| rig.said("G0 Z10.000 F600 I0") == 1);
    assert!(matches!(rig.session.raise(Micrometres(60_000), speed), Err(Refused::TooHigh { .. })));
    for by in [0, -1, i64::MAX] {
        assert_eq!(rig.session.raise(Micrometres(by), speed), Err(Refused::NoRaise));
    }
    let mut rig = Rig::printing(Toy::default(), job());
    assert!(matches!(rig.session.raise(by, speed), Err(Refused::NotNow(_))));
    rig.session.power_off_after_print().unwrap();
    rig.until(|rig| rig.said("M4003") == 1);
}

#[test]
fn the_stick_is_listed() {
    let mut rig = Rig::idle(Toy::default());
    rig.session.list().unwrap();
    rig.run(s(1));
    let listed = rig.events.iter().find_map(|event| match event {
        Event::Listed { entries, complete } => Some((entries.len(), *complete)),
        _ => None,
    });
    assert_eq!(listed, Some((3, true)));
}

#[test]
fn a_print_of_ours_is_known_again_and_watched_to_its_end() {
    for (name_told, doubted) in [("path", false), ("basename", false), ("ok_only", true)] {
        let mut toy = Toy { name_told, ..Toy::default() };
        toy.begin(s(1), SIZE);
        toy.selected = Some(NAME.to_owned());
        let mut rig = Rig::closed(toy);
        rig.session.attach(rig.now, job()).unwrap();
        rig.session.handle_opened(rig.now);
        rig.until(|rig| rig.session.state() == State::Printing);
        assert_eq!(rig.has(&Event::Doubt(Doubt::KnownBySizeOnly)), doubted);
        assert_eq!(rig.ended(), Ending::Completed);
    }
}

#[test]
fn what_is_not_ours_is_watched_and_touched_by_nothing_but_a_stop() {
    for (size, file) in [(SIZE, "OTHER.CTB"), (SIZE - 1, NAME)] {
        let mut toy = Toy::default();
        toy.begin(s(1), size);
        toy.selected = Some(file.to_owned());
        let mut rig = Rig::open(toy);
        rig.session.attach(rig.now, job()).unwrap();
        rig.until(|rig| rig.session.state() == State::Foreign);
        assert!(rig.has(&Event::NotOurs { name: Some(format!("/{file}")), total: size }));
        let why = Unproven::OtherFile;
        assert!(rig.has(&Event::Ended(Ending::Unknown { last_layer: None, why })));
        rig.session.start(job()).unwrap_err();
        rig.session.pause().unwrap_err();
        rig.session.resume().unwrap_err();
        rig.session.power_off_after_print().unwrap_err();
        rig.run(s(10));
        let asks = ["M4002", "M4001", "M4000", "M27", "M4006"];
        assert!(rig.toy.log.iter().all(|line| asks.contains(&line.as_str())), "{:?}", rig.toy.log);
        rig.events.clear();
        rig.session.stop().unwrap();
        assert!(matches!(rig.ended(), Ending::Stopped { last_layer: None, .. }));
    }
}

#[test]
fn a_print_that_had_ended_before_we_came_back_is_not_called_completed() {
    let mut rig = Rig::closed(Toy::default());
    rig.session.attach(rig.now, job()).unwrap();
    rig.session.handle_opened(rig.now);
    let why = Unproven::EndedWithoutUs;
    assert_eq!(rig.ended(), Ending::Unknown { last_layer: None, why });
}

#[test]
fn a_print_that_somebody_starts_at_the_panel_is_not_ours() {
    let mut rig = Rig::idle(Toy::default());
    let now = rig.now;
    rig.toy.selected = Some("OTHER.CTB".into());
    rig.toy.begin(now, 777);
    rig.until(|rig| rig.session.state() == State::Foreign);
    assert!(rig.has(&Event::NotOurs { name: Some("/OTHER.CTB".into()), total: 777 }));
    rig.run(LAYER * 7);
    assert_eq!(rig.session.state(), State::Idle);
}
