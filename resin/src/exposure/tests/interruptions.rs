use super::rig::Rig;
use super::*;

fn at_layer(layer: u32) -> impl FnMut(&Loop) -> bool {
    move |machine| machine.layer() == Some(LayerIndex(layer))
}

fn rig() -> Rig {
    Rig::new(plan(6, &printer(|_| {})))
}

/// What was handed out from here on.
fn since(rig: &Rig, from: usize) -> Vec<String> {
    rig.log[from..]
        .iter()
        .map(|line| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).into())
        .collect()
}

const DARK: [&str; 2] = ["M107 | M400", "blank"];

#[test]
fn a_pause_in_an_exposure_comes_behind_it_and_raises_slowly_off_the_film() {
    let mut rig = rig();
    rig.until(at_layer(4));
    rig.until(|machine| machine.state() == State::Exposing);
    let from = rig.log.len();
    assert!(rig.machine.pause(rig.now));
    rig.drain();
    assert_eq!(rig.log.len(), from, "nothing while it is lit");
    rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
    let lines = since(&rig, from);
    assert_eq!(lines[..2], DARK);
    assert_eq!(lines[2..], ["G90 | G1 Z3.750 F54 | G1 Z7.750 F240 | G1 Z50.250 F600 | M400"]);
    assert_eq!(rig.events.last(), Some(&Event::Paused { before: LayerIndex(5), why: PauseReason::Asked }));

    let from = rig.log.len();
    rig.interrupt(|machine, now| assert!(machine.resume(now)));
    assert_eq!(rig.until_ended(), Ending::Done);
    let lines = since(&rig, from);
    assert_eq!(lines[..2], DARK);
    assert_eq!(lines[2], "G90 | G1 Z7.750 F600 | G1 Z2.300 F300 | G1 Z0.300 F90 | M400");
    assert_eq!(lines[3], "show 5");
    rig.verify();
    assert_eq!(rig.machine.reports().len(), 6);
    assert_eq!(rig.board.homed, 1, "a resume never homes");
}

#[test]
fn a_pause_before_the_light_comes_at_once_and_the_layer_is_lit_behind_it() {
    for state in [
        State::Lowering,
        State::Resting,
        State::Showing,
        State::Settling,
        State::Blanking,
        State::RestingBeforeLift,
        State::Peeling,
        State::RestingAtTop,
    ] {
        let mut rig = rig();
        rig.until(at_layer(3));
        rig.until(|machine| machine.state() == state);
        let (from, before) = (rig.log.len(), rig.machine.layer().expect("a layer"));
        rig.interrupt(|machine, now| assert!(machine.pause(now)));
        assert_eq!(since(&rig, from), DARK, "{state:?}");
        rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
        let paused = Event::Paused { before, why: PauseReason::Asked };
        assert_eq!(rig.events.last(), Some(&paused), "{state:?}");
        assert!(rig.board.z >= 50_000, "{state:?}");
        assert!(rig.machine.pause(rig.now), "it is paused");
        rig.interrupt(|machine, now| assert!(machine.resume(now)));
        assert_eq!(rig.until_ended(), Ending::Done, "{state:?}");
        rig.verify();
        assert_eq!(rig.board.lit.len(), 6, "{state:?}");
    }
}

#[test]
fn a_layer_that_was_lit_rests_before_it_is_lifted_to_a_pause() {
    let mut rig = rig();
    rig.until(at_layer(3));
    rig.until(|machine| machine.state() == State::Blanking);
    let lit_until = rig.board.lit.last().expect("lit").1;
    rig.interrupt(|machine, now| assert!(machine.pause(now)));
    rig.until(|machine| machine.state() == State::Raising);
    assert!(rig.now.since(lit_until) >= Milliseconds(500));
}

#[test]
fn a_pause_asked_for_too_early_waits_for_home_and_may_be_taken_back() {
    for taken_back in [false, true] {
        let mut rig = rig();
        assert!(rig.machine.pause(rig.now));
        rig.until(|machine| machine.state() == State::Homing);
        assert!(rig.machine.resume(rig.now));
        assert!(!rig.machine.resume(rig.now), "there is nothing to resume");
        if !taken_back {
            assert!(rig.machine.pause(rig.now));
        }
        rig.until(|machine| matches!(machine.state(), State::Paused { .. } | State::Exposing));
        assert_eq!(rig.machine.state() == State::Exposing, taken_back);
        rig.interrupt(|machine, now| assert_eq!(machine.resume(now), !taken_back));
        assert_eq!(rig.until_ended(), Ending::Done);
        rig.verify();
    }
}

#[test]
fn the_file_may_want_a_person_before_a_layer_once() {
    let mut layers = layers(4);
    layers[0].pause = true;
    layers[2].pause = true;
    let mut rig = Rig::new(Plan::of(&layers, &printer(|_| {})).expect("a plan"));
    for before in [0, 2] {
        rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
        let paused = Event::Paused { before: LayerIndex(before), why: PauseReason::File };
        assert_eq!(rig.events.last(), Some(&paused));
        assert!(rig.board.z >= 50_000);
        rig.interrupt(|machine, now| assert!(machine.resume(now)));
    }
    assert_eq!(rig.until_ended(), Ending::Done);
    rig.verify();
}

#[test]
fn a_pause_of_somebody_does_not_stand_for_the_one_of_the_file() {
    let mut layers = layers(4);
    layers[2].pause = true;
    let mut rig = Rig::new(Plan::of(&layers, &printer(|_| {})).expect("a plan"));
    rig.until(|machine| machine.layer() == Some(LayerIndex(1)) && machine.state() == State::Exposing);
    rig.interrupt(|machine, now| assert!(machine.pause(now)));
    for why in [PauseReason::Asked, PauseReason::File] {
        rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
        assert_eq!(rig.events.last(), Some(&Event::Paused { before: LayerIndex(2), why }));
        rig.interrupt(|machine, now| assert!(machine.resume(now)));
    }
    assert_eq!(rig.until_ended(), Ending::Done);
    rig.verify();
}

#[test]
fn a_long_pause_is_noted_once_and_a_pause_adds_rest() {
    let mut rig = rig();
    rig.until(at_layer(4));
    rig.interrupt(|machine, now| assert!(machine.pause(now)));
    rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
    rig.passes(Milliseconds(1_799_999));
    assert!(!rig.events.contains(&Event::LongPause { before: LayerIndex(4) }));
    rig.passes(Milliseconds(10_000_000));
    let noted = rig.events.iter().filter(|event| matches!(event, Event::LongPause { .. })).count();
    assert_eq!((noted, rig.machine.poll_deadline()), (1, None));
    rig.interrupt(|machine, now| assert!(machine.resume(now)));
    rig.until(|machine| machine.state() == State::Resting);
    let from = rig.now;
    rig.until(|machine| machine.state() == State::Showing);
    assert_eq!(rig.now.since(from), Milliseconds(1_750 + 3_000));
}

#[test]
fn a_plate_that_was_moved_in_a_pause_is_not_lowered() {
    let mut rig = rig();
    rig.until(at_layer(4));
    rig.interrupt(|machine, now| assert!(machine.pause(now)));
    rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
    let (z, moves) = (rig.board.z, rig.board.moves.len());
    // A board that was reset begins at zero.
    rig.board.z = 0;
    rig.interrupt(|machine, now| assert!(machine.resume(now)));
    let fault = Fault::Elsewhere { expected: Micrometres(z), told: Micrometres(0) };
    assert_eq!(rig.until_ended(), Ending::Failed(fault));
    assert_eq!(rig.board.moves.len(), moves);
}

#[test]
fn a_cancel_ends_the_light_blanks_and_raises() {
    for timed_by in [TimedBy::Board, TimedBy::Host] {
        for state in [
            State::Lowering,
            State::Resting,
            State::Showing,
            State::Settling,
            State::Exposing,
            State::Blanking,
            State::RestingBeforeLift,
            State::Peeling,
            State::RestingAtTop,
        ] {
            let mut rig = Rig::new(plan(6, &printer(|profile| profile.timed_by = timed_by)));
            rig.until(at_layer(3));
            rig.until(|machine| machine.state() == state);
            let from = rig.log.len();
            rig.interrupt(|machine, now| assert!(machine.cancel(now)));
            assert_eq!(since(&rig, from), DARK, "{state:?}");
            assert_eq!(rig.machine.ending(), Some(&Ending::Cancelled));
            assert!(!rig.machine.cancel(rig.now) && !rig.machine.pause(rig.now));
            assert_eq!(rig.until_ended(), Ending::Cancelled, "{state:?}");
            assert_eq!(rig.board.z, 155_000, "{state:?}");
            assert!(!rig.machine.is_lit());
            rig.verify();
        }
    }
}

#[test]
fn a_cancel_in_a_pause_raises_to_the_end() {
    let mut rig = rig();
    rig.until(at_layer(2));
    rig.interrupt(|machine, now| assert!(machine.pause(now)));
    rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
    rig.interrupt(|machine, now| assert!(machine.cancel(now)));
    assert_eq!(rig.until_ended(), Ending::Cancelled);
    assert_eq!(rig.board.z, 155_000);
}

#[test]
fn no_raise_goes_down() {
    let low = printer(|profile| {
        profile.raise_at_pause = Micrometres(1_000);
        profile.raise_at_end = Some(Micrometres(500));
    });
    for state in [State::RestingAtTop, State::Peeling, State::Lowering, State::Exposing] {
        let mut rig = Rig::new(plan(6, &low));
        rig.until(at_layer(4));
        rig.until(|machine| machine.state() == state);
        rig.interrupt(|machine, now| assert!(machine.pause(now)));
        rig.until(|machine| matches!(machine.state(), State::Paused { .. }));
        let top = rig.machine.plan().layers()[usize::from(state == State::Exposing) + 3].lift.end();
        assert_eq!(rig.board.z, top.0, "{state:?}");
        rig.interrupt(|machine, now| assert!(machine.cancel(now)));
        assert_eq!(rig.until_ended(), Ending::Cancelled);
        assert_eq!(rig.board.z, top.0, "{state:?}");
    }
}

#[test]
fn a_wish_for_a_pause_ends_with_a_cancel() {
    let mut rig = rig();
    rig.until(|machine| machine.state() == State::Exposing);
    assert!(rig.machine.pause(rig.now));
    rig.interrupt(|machine, now| assert!(machine.cancel(now)));
    assert!(!rig.machine.resume(rig.now));
    assert_eq!(rig.until_ended(), Ending::Cancelled);
}

#[test]
fn a_board_that_is_where_no_plate_can_be_is_not_moved() {
    for lies in [-11, 155_011] {
        let mut rig = rig();
        while rig.machine.state() != State::Homing {
            rig.board.lies = lies;
            assert!(rig.happens());
        }
        assert_eq!(rig.until_ended(), Ending::Failed(Fault::OutOfReach(Micrometres(lies))));
        assert_eq!(rig.lines_of("G1 "), 0);
    }
}

#[test]
fn steps_that_nobody_has_taken_yet_are_gone_with_what_comes_between() {
    type Between = fn(&mut Loop, Moment);
    let table: [Between; 5] = [
        Loop::handle_link_lost,
        |machine, now| assert!(machine.cancel(now)),
        |machine, now| assert!(machine.stop(now)),
        |machine, now| machine.handle_fault(Fault::LidOpen, now),
        |machine, now| machine.handle_shown(LayerIndex(7), now),
    ];
    for between in table {
        let mut rig = rig();
        rig.until(|machine| machine.state() == State::Settling);
        let at = rig.machine.poll_deadline().expect("it settles");
        rig.machine.handle_timer(at);
        assert_eq!(rig.machine.state(), State::Exposing);
        between(&mut rig.machine, at);
        let Some(Step::Send(group)) = rig.machine.poll_step() else { panic!("no group") };
        assert_eq!((group.kind, rig.machine.poll_step()), (GroupKind::Dark, Some(Step::Blank)));
        assert_eq!(rig.machine.poll_step(), None);
        assert!(rig.machine.is_lit(), "it may have been taken, as far as the loop knows");
    }
}

#[test]
fn what_is_not_homed_is_not_raised() {
    for state in [State::Quieting, State::Homing] {
        let mut rig = rig();
        rig.until(|machine| machine.state() == state);
        rig.interrupt(|machine, now| assert!(machine.cancel(now)));
        assert_eq!(rig.until_ended(), Ending::Cancelled);
        assert_eq!(rig.lines_of("G1 "), 0);
    }
}

#[test]
fn a_stop_moves_nothing() {
    let mut rig = rig();
    rig.until(at_layer(3));
    rig.until(|machine| machine.state() == State::Peeling);
    let moves = rig.board.moves.len();
    rig.interrupt(|machine, now| assert!(machine.stop(now)));
    assert!(!rig.machine.stop(rig.now));
    assert_eq!(rig.until_ended(), Ending::Stopped);
    assert_eq!(rig.board.moves.len(), moves);
    // Also while a cancelled print is raised.
    let mut rig = self::rig();
    rig.until(at_layer(3));
    rig.interrupt(|machine, now| assert!(machine.cancel(now)));
    rig.until(|machine| machine.state() == State::Raising);
    rig.interrupt(|machine, now| assert!(machine.stop(now)));
    assert_eq!(rig.until_ended(), Ending::Stopped);
}

#[test]
fn faults_darken_and_raise_only_where_the_board_is_trusted() {
    let table = [
        (Fault::Board("Error:Printer halted".into()), false),
        (Fault::LidOpen, false),
        (Fault::Silent(GroupKind::Move), false),
        (Fault::OutOfReach(Micrometres(-1)), false),
        (Fault::Display("the frame buffer is gone".into()), true),
        (Fault::LightTooHot("71 °C".into()), true),
        (Fault::DisplaySilent, true),
    ];
    for (fault, raises) in table {
        for state in [State::Exposing, State::Peeling, State::Lowering] {
            let mut rig = rig();
            rig.until(at_layer(3));
            rig.until(|machine| machine.state() == state);
            let (from, moves) = (rig.log.len(), rig.board.moves.len());
            rig.interrupt(|machine, now| machine.handle_fault(fault.clone(), now));
            assert_eq!(since(&rig, from), DARK, "{fault:?}");
            assert_eq!(rig.until_ended(), Ending::Failed(fault.clone()));
            assert_eq!(rig.board.moves.len() > moves, raises, "{fault:?}");
            assert_eq!(rig.board.z == 155_000, raises, "{fault:?}");
            rig.verify();
        }
    }
}

#[test]
fn the_first_fault_is_the_reason_and_a_worse_one_ends_the_raise() {
    let mut rig = rig();
    rig.until(at_layer(3));
    let hot = Fault::LightTooHot("71 °C".into());
    rig.interrupt(|machine, now| machine.handle_fault(hot.clone(), now));
    rig.until(|machine| machine.state() == State::Raising);
    let from = rig.log.len();
    rig.interrupt(|machine, now| machine.handle_fault(Fault::LightTooHot("72 °C".into()), now));
    assert_eq!(rig.log.len(), from, "told again, and passed over");
    rig.interrupt(|machine, now| machine.handle_fault(Fault::LidOpen, now));
    assert_eq!(since(&rig, from), DARK);
    assert_eq!(rig.until_ended(), Ending::Failed(hot));
}

#[test]
fn a_board_that_stays_silent_has_failed_and_is_told_to_be_dark_three_times() {
    for state in [State::Homing, State::Lowering, State::Exposing, State::Peeling] {
        let mut rig = rig();
        // The next group is the one that gets no answer.
        rig.until(|machine| match state {
            State::Homing => machine.state() == State::Quieting,
            State::Lowering => machine.state() == State::Homing,
            State::Exposing => machine.state() == State::Settling,
            _ => machine.state() == State::RestingBeforeLift,
        });
        rig.board.deaf = u32::MAX;
        let (from, ending) = (rig.log.len(), rig.until_ended());
        let kind = match state {
            State::Homing => GroupKind::Home,
            State::Exposing => GroupKind::Burst { light: Milliseconds(30_000) },
            _ => GroupKind::Move,
        };
        if state != State::Homing {
            assert_eq!(ending, Ending::Failed(Fault::Silent(kind)));
        }
        assert!(matches!(ending, Ending::Failed(Fault::Silent(_))));
        assert_eq!(since(&rig, from).iter().filter(|line| *line == DARK[0]).count(), 3, "{state:?}");
        assert_eq!(rig.machine.is_lit(), state == State::Exposing, "{state:?}");
    }
}

#[test]
fn a_board_that_is_elsewhere_has_failed_and_nothing_moves() {
    let mut rig = rig();
    rig.until(at_layer(2));
    rig.until(|machine| machine.state() == State::RestingBeforeLift);
    rig.board.lies = 11;
    rig.until(|machine| machine.state() == State::Peeling);
    let moves = rig.board.moves.len();
    assert!(matches!(rig.until_ended(), Ending::Failed(Fault::Elsewhere { .. })));
    assert_eq!(rig.board.moves.len(), moves);
    // What Marlin rounds is none.
    let mut rig = self::rig();
    while rig.machine.state() != State::Ended {
        rig.board.lies = if rig.machine.next_group_for_tests().is_multiple_of(2) { 10 } else { -10 };
        assert!(rig.happens());
    }
    assert_eq!(rig.machine.ending(), Some(&Ending::Done));
    rig.verify();
}

#[test]
fn a_display_that_stays_silent_or_shows_something_else_lights_nothing() {
    let mut rig = rig();
    rig.until(at_layer(2));
    rig.until(|machine| machine.state() == State::Resting);
    rig.display.deaf = 1;
    assert_eq!(rig.until_ended(), Ending::Failed(Fault::DisplaySilent));
    assert_eq!((rig.board.lit.len(), rig.board.z), (2, 155_000));
    rig.verify();

    // Not even blank: nothing may move then.
    let mut rig = self::rig();
    rig.until(at_layer(2));
    rig.until(|machine| machine.state() == State::Resting);
    rig.display.deaf = u32::MAX;
    let moves = rig.board.moves.len();
    assert_eq!(rig.until_ended(), Ending::Failed(Fault::DisplaySilent));
    assert_eq!((rig.board.lit.len(), rig.board.moves.len()), (2, moves));

    let mut rig = self::rig();
    rig.until(at_layer(2));
    rig.until(|machine| machine.state() == State::Resting);
    rig.display.shows_another = true;
    let wrong = Fault::WrongMask { wanted: Some(LayerIndex(2)), shown: Some(LayerIndex(3)) };
    rig.until(|machine| machine.state() == State::Showing);
    rig.until(|machine| machine.state() == State::Quieting);
    assert_eq!(rig.until_ended(), Ending::Failed(wrong));
    assert_eq!(rig.board.lit.len(), 2);
}

#[test]
fn a_mask_that_changes_while_it_is_lit_is_a_fault() {
    for (arrival, shown) in [(None, None), (Some(LayerIndex(9)), Some(LayerIndex(9)))] {
        let mut rig = rig();
        rig.until(|machine| machine.state() == State::Exposing);
        rig.interrupt(|machine, now| match arrival {
            None => machine.handle_blanked(now),
            Some(layer) => machine.handle_shown(layer, now),
        });
        let wrong = Fault::WrongMask { wanted: Some(LayerIndex(0)), shown };
        assert_eq!(rig.until_ended(), Ending::Failed(wrong));
    }
}

#[test]
fn behind_a_lost_link_nothing_but_dark_is_handed_out() {
    for state in [
        State::Quieting,
        State::Homing,
        State::Lowering,
        State::Exposing,
        State::Blanking,
        State::Peeling,
        State::RestingAtTop,
    ] {
        let mut rig = rig();
        rig.until(|machine| machine.state() == state);
        let lit = rig.machine.is_lit();
        let from = rig.log.len();
        rig.pull();
        assert_eq!(since(&rig, from), DARK);
        assert_eq!(rig.machine.poll_deadline(), None, "nobody answers");
        assert_eq!((rig.machine.ending(), rig.machine.state()), (Some(&Ending::Lost), State::Ended));
        assert_eq!(rig.machine.is_lit(), lit, "{state:?}");
        assert!(!rig.machine.resume(rig.now) && !rig.machine.pause(rig.now) && !rig.machine.cancel(rig.now));
        while rig.happens() {}
        let from = rig.log.len();
        rig.interrupt(Loop::handle_link_back);
        while rig.happens() {}
        assert_eq!(since(&rig, from), DARK);
        assert!(!rig.machine.is_lit(), "{state:?}");
        rig.verify();
        assert_eq!(rig.events.iter().filter(|event| matches!(event, Event::Ended(_))).count(), 1);
    }
}

#[test]
fn a_link_that_comes_back_deaf_is_told_three_times_and_the_light_stays_in_doubt() {
    let mut rig = rig();
    rig.until(|machine| machine.state() == State::Exposing);
    rig.pull();
    rig.board.deaf = u32::MAX;
    let from = rig.log.len();
    rig.interrupt(Loop::handle_link_back);
    while rig.happens() {}
    assert_eq!(
        rig.lines_of("M107 | M400") - rig.log[..from].iter().filter(|l| l.contains(" M107 | M400")).count(),
        3
    );
    assert!(rig.machine.is_lit());
    assert_eq!(rig.machine.ending(), Some(&Ending::Lost));
}

#[test]
fn answers_to_groups_that_nobody_waits_for_are_passed_over() {
    let mut rig = rig();
    rig.until(|machine| machine.state() == State::Exposing);
    let sent = rig.machine.next_group_for_tests();
    for id in (0..sent - 1).chain([sent, u64::MAX]) {
        rig.machine.handle_confirmed(GroupId(id), Micrometres(0), rig.now);
        assert_eq!(rig.machine.state(), State::Exposing);
    }
    assert_eq!(rig.until_ended(), Ending::Done);
}
