//! Sticks, cables and boards that fail.

use super::toy::{NAME, Rig, SIZE, Toy, job, name, s};
use crate::chitu::state::{Doubt, Ending, Event, Health, Medium, NotStarted, State, StopProof, Unproven};
use crate::layer::LayerIndex;

fn not_started(toy: Toy) -> NotStarted {
    let mut rig = Rig::idle(toy);
    rig.session.start(job()).unwrap();
    rig.until(|rig| rig.session.state() == State::Idle);
    assert_eq!(rig.said(&format!("M6030 '{NAME}'")) + rig.said("M24"), 0, "nothing is started");
    rig.events
        .iter()
        .find_map(|event| if let Event::NotStarted(why) = event { Some(why.clone()) } else { None })
        .unwrap()
}

#[test]
fn a_stick_with_no_file_or_another_file_starts_nothing_and_says_why() {
    let files = |size: u64| [(NAME.to_owned(), size)].into();
    for toy in [Toy::default(), Toy::mars_pro()] {
        let missing = not_started(Toy { files: Default::default(), ..toy.clone() });
        assert!(matches!(&missing, NotStarted::Missing { said, .. } if said.contains(NAME)), "{missing}");
        for on_board in [0, SIZE - 1, SIZE + 1] {
            let why = not_started(Toy { files: files(on_board), ..toy.clone() });
            assert_eq!(why, NotStarted::WrongSize { name: name(), on_board, wanted: SIZE });
        }
        assert_eq!(not_started(Toy { medium: false, ..toy }), NotStarted::NoMedium);
    }
}

#[test]
fn a_stick_that_is_pulled_in_mid_print_is_told_and_ends_it_so() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.until(|rig| rig.has(&Event::LayerReached(LayerIndex(2))));
    let now = rig.now;
    rig.toy.medium = false;
    rig.toy.say(now, b"//Disk init fail!\r\n");
    rig.until(|rig| rig.session.medium() == Medium::Removed);
    assert!(rig.has(&Event::Doubt(Doubt::MediumGone)) && rig.has(&Event::Medium(Medium::Removed)));
    assert_eq!(rig.session.state(), State::Printing, "only the board says that it does not print");
    rig.toy.end(now);
    assert_eq!(rig.ended(), Ending::MediumRemoved { last_layer: Some(LayerIndex(2)) });
}

#[test]
fn another_file_than_ours_that_begins_to_print_is_not_taken_for_ours() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.toy.print.as_mut().unwrap().total = 99_999;
    rig.until(|rig| rig.session.state() == State::Foreign);
    assert!(rig.has(&Event::NotOurs { name: None, total: 99_999 }));
}

#[test]
fn a_silent_board_is_told_and_a_print_that_was_not_watched_to_its_end_is_not_known() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.cable(true);
    rig.until(|rig| rig.session.health() == Health::Silent);
    assert_eq!(rig.session.state(), State::Printing);
    rig.until(|rig| rig.toy.print.is_none());
    rig.cable(false);
    assert!(matches!(
        rig.ended(),
        Ending::Unknown { why: Unproven::Unwatched(span), .. } if span > s(20)
    ));
    assert!(rig.well());
}

#[test]
fn a_cable_that_is_pulled_for_a_while_does_not_lose_the_print() {
    let mut rig = Rig::printing(Toy::mars_pro(), job());
    rig.cable(true);
    rig.run(s(12));
    rig.cable(false);
    assert_eq!(rig.ended(), Ending::Completed);
}

#[test]
fn a_port_that_was_closed_and_opened_finds_its_print_again() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.session.handle_closed(rig.now);
    assert_eq!(rig.session.state(), State::Unknown);
    rig.run(s(8));
    rig.session.handle_opened(rig.now);
    rig.until(|rig| rig.session.state() == State::Printing);
    assert!(rig.has(&Event::Attached { name: name() }));
    assert_eq!(rig.ended(), Ending::Completed);
}

#[test]
fn a_stop_outlives_the_port() {
    let mut rig = Rig::printing(Toy { ignores_stop: true, ..Toy::default() }, job());
    rig.session.stop().unwrap();
    rig.run(s(3));
    rig.session.handle_closed(rig.now);
    rig.run(s(3));
    rig.toy.ignores_stop = false;
    rig.session.handle_opened(rig.now);
    let proof = StopProof::NotPrintingAndRising;
    assert!(matches!(rig.ended(), Ending::Stopped { proof: told, .. } if told == proof));
}

#[test]
fn a_stop_is_said_to_a_board_that_does_not_answer_until_it_does() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.toy.deaf = true;
    rig.session.stop().unwrap();
    rig.run(s(60));
    assert!(rig.said("M33") >= 3, "{:?}", rig.toy.log);
    assert!(rig.has(&Event::Doubt(Doubt::Unanswered("M33"))));
    rig.toy.deaf = false;
    assert!(matches!(rig.ended(), Ending::Stopped { .. }));
}

#[test]
fn nuls_alone_are_a_wiring_fault_until_something_is_understood() {
    let mut rig = Rig::open(Toy { deaf: true, ..Toy::default() });
    rig.run(s(1));
    rig.session.handle_bytes(rig.now, &[0; 40]);
    assert_eq!(rig.session.health(), Health::WiringFault);
    rig.run(s(30));
    assert_eq!(rig.session.health(), Health::WiringFault, "silence says less");
    rig.toy.deaf = false;
    rig.until(|rig| rig.session.state() == State::Idle);
    assert!(rig.well());
}

#[test]
fn a_wire_that_puts_nuls_and_odd_bytes_between_lines_does_not_end_a_print() {
    let mut rig = Rig::printing(Toy::default(), job());
    while rig.session.state() == State::Printing {
        let now = rig.now;
        rig.toy.say(now, b"\0\0\0\0");
        rig.toy.say(now, b"\xb4\xff??\r\nwait\r\n");
        rig.run(s(1));
    }
    assert_eq!(rig.ended(), Ending::Completed);
    assert!(rig.events.iter().any(|event| matches!(event, Event::Said(text) if text.contains("??"))));
}

#[test]
fn an_answer_that_comes_too_late_is_not_taken_for_the_next() {
    let mut rig = Rig::printing(Toy::default(), job());
    // Every answer comes while the next question is asked already.
    rig.toy.latency = s(6);
    rig.run(s(20));
    assert_eq!(rig.session.state(), State::Printing);
    rig.toy.latency = std::time::Duration::from_millis(30);
    assert_eq!(rig.ended(), Ending::Completed);
    assert!(!rig.events.iter().any(|event| matches!(event, Event::NotOurs { .. })));
}

#[test]
fn a_board_that_was_exchanged_is_greeted_anew_and_its_print_is_not_ours() {
    let mut rig = Rig::printing(Toy::default(), job());
    rig.cable(true);
    rig.run(s(15));
    rig.toy = Toy::mars_pro();
    rig.cable(false);
    assert!(matches!(rig.ended(), Ending::Unknown { why: Unproven::EndedWithoutUs, .. }));
    assert!(rig.events.iter().any(|event| matches!(event, Event::Doubt(Doubt::OtherBoard { .. }))));
}
