use proptest::prelude::*;

use super::rig::{Arrival, Rig};
use super::*;

#[derive(Clone, Debug)]
enum Act {
    Passes(u32),
    Pause,
    Resume,
    Cancel,
    Stop,
    Fault(Fault),
    LinkLost,
    LinkBack,
    BoardDeaf,
    BoardLies(i64),
    DisplayDeaf,
    ShowsAnother(bool),
    Wire(u16),
    DisplayTakes(u16),
    TimerLag(u16),
    Answer(u64, i64),
    Shown(u32),
    Blanked,
}

/// Pauses, delays and roundings, all of which a print comes through.
fn calm() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1u32..40).prop_map(Act::Passes),
        3 => Just(Act::Pause),
        3 => Just(Act::Resume),
        1 => (-9i64..=9).prop_map(Act::BoardLies),
        1 => (0u16..30).prop_map(Act::Wire),
        1 => (0u16..1500).prop_map(Act::DisplayTakes),
        1 => (0u16..50).prop_map(Act::TimerLag),
    ]
}

fn wild() -> impl Strategy<Value = Act> {
    let fault = prop_oneof![
        Just(Fault::LidOpen),
        Just(Fault::Board("Error".into())),
        Just(Fault::LightTooHot("70".into())),
        Just(Fault::Display("gone".into())),
    ];
    prop_oneof![
        Just(Act::Cancel),
        Just(Act::Stop),
        fault.prop_map(Act::Fault),
        Just(Act::LinkLost),
        Just(Act::LinkBack),
        Just(Act::BoardDeaf),
        Just(Act::BoardLies(500)),
        Just(Act::DisplayDeaf),
        any::<bool>().prop_map(Act::ShowsAnother),
        (0u16..300).prop_map(Act::Wire),
        (0u16..200).prop_map(Act::TimerLag),
        (0u64..60, -100i64..60_000).prop_map(|(id, z)| Act::Answer(id, z)),
        (0u32..8).prop_map(Act::Shown),
        Just(Act::Blanked),
    ]
}

/// First calm, then wild as well.
fn acts() -> impl Strategy<Value = Vec<Act>> {
    let first = proptest::collection::vec(calm(), 0..40);
    let then = proptest::collection::vec(prop_oneof![3 => calm(), 1 => wild()], 0..40);
    (first, then).prop_map(|(first, then)| [first, then].concat())
}

fn begun(by_host: bool, pauses: Vec<bool>) -> Rig {
    let printer = printer(|profile| profile.timed_by = if by_host { TimedBy::Host } else { TimedBy::Board });
    let mut layers = layers(6);
    for (layer, pause) in layers.iter_mut().zip(pauses) {
        layer.pause = pause;
    }
    Rig::new(Plan::of(&layers, &printer).expect("a plan"))
}

/// It comes to an end by itself, but for pauses.
fn goes_on(rig: &mut Rig) {
    for _ in 0..2_000 {
        if matches!(rig.machine.state(), State::Paused { .. }) {
            rig.interrupt(|machine, now| assert!(machine.resume(now)));
        } else if !rig.happens() {
            return;
        }
    }
    panic!("no end: {:?}", rig.machine.state());
}

fn does(rig: &mut Rig, act: Act, forged: &mut bool) {
    let exposing = rig.machine.state() == State::Exposing;
    match act {
        Act::Passes(count) => {
            for _ in 0..count {
                if !rig.happens() {
                    break;
                }
            }
        }
        Act::Pause => rig.interrupt(|machine, now| {
            assert_eq!(machine.pause(now), machine.ending().is_none());
            assert!(!exposing || machine.poll_step().is_none(), "a pause in an exposure waits");
        }),
        Act::Resume => rig.interrupt(|machine, now| _ = machine.resume(now)),
        Act::Cancel => rig.interrupt(|machine, now| _ = machine.cancel(now)),
        Act::Stop => rig.interrupt(|machine, now| _ = machine.stop(now)),
        Act::Fault(fault) => rig.interrupt(|machine, now| machine.handle_fault(fault, now)),
        Act::LinkLost => rig.pull(),
        Act::LinkBack => {
            rig.pull();
            rig.interrupt(Loop::handle_link_back);
        }
        Act::BoardDeaf => rig.board.deaf = 1,
        Act::BoardLies(by) => rig.board.lies = by,
        Act::DisplayDeaf => rig.display.deaf = 1,
        Act::ShowsAnother(other) => rig.display.shows_another = other,
        Act::Wire(delay) => rig.board.wire = Milliseconds(delay.into()),
        Act::DisplayTakes(delay) => rig.display.delay = Milliseconds(delay.into()),
        Act::TimerLag(lag) => rig.timer_lag = Milliseconds(lag.into()),
        // Answers from nowhere: the steps behind them must still be allowed ones.
        Act::Answer(id, z) => {
            *forged = true;
            rig.arrived(Arrival::Confirmed(GroupId(id), Micrometres(z)));
        }
        Act::Shown(layer) => {
            *forged = true;
            rig.arrived(Arrival::Shown(LayerIndex(layer)));
        }
        Act::Blanked => {
            *forged = true;
            rig.arrived(Arrival::Blanked);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_no_light_and_no_move_comes_where_it_must_not(
        acts in acts(),
        by_host in any::<bool>(),
        pauses in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let mut rig = begun(by_host, pauses);
        let mut forged = false;
        for act in acts {
            does(&mut rig, act, &mut forged);
        }
        goes_on(&mut rig);
        prop_assert_eq!(rig.machine.state(), State::Ended);
        let ended = rig.events.iter().filter(|event| matches!(event, Event::Ended(_))).count();
        prop_assert_eq!(ended, 1);
        prop_assert!(rig.board.homed <= 1);
        for (index, report) in rig.machine.reports().iter().enumerate() {
            prop_assert_eq!(usize::try_from(report.layer.0).expect("small"), index);
        }
        let done = rig.machine.ending() == Some(&Ending::Done);
        prop_assert!(!done || (rig.machine.reports().len() == 6 && !rig.machine.is_lit()));
        // What the board and the display did is held against answers that they gave themselves.
        if !forged {
            prop_assert!(!done || rig.board.lit.len() == 6);
            rig.verify();
        }
    }

    #[test]
    fn pauses_delays_and_roundings_stop_no_print(
        acts in proptest::collection::vec(calm(), 0..80),
        by_host in any::<bool>(),
        pauses in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let mut rig = begun(by_host, pauses);
        for act in acts {
            does(&mut rig, act, &mut false);
        }
        goes_on(&mut rig);
        prop_assert_eq!(rig.machine.ending(), Some(&Ending::Done));
        prop_assert_eq!((rig.board.lit.len(), rig.board.z), (6, 155_000));
        rig.verify();
    }
}
