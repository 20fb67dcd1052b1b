use super::rig::Rig;
use super::*;

#[test]
fn twenty_layers_are_lit_once_each_and_in_order() {
    let plan = plan(20, &printer(|_| {}));
    let planned = plan.takes();
    let mut rig = Rig::new(plan);
    assert_eq!(rig.until_ended(), Ending::Done);
    rig.verify();
    assert_eq!(rig.board.lit.len(), 20);
    for (index, (on, off, _)) in rig.board.lit.iter().enumerate() {
        assert_eq!(off.since(*on).0, if index < 2 { 30_000 } else { 2_500 });
    }
    for (index, report) in rig.machine.reports().iter().enumerate() {
        assert_eq!(usize::try_from(report.layer.0).expect("small"), index);
        // Two ways over the wire.
        assert_eq!(report.measured.0, report.planned.0 + 8);
    }
    assert_eq!(rig.board.z, 155_000);
    assert_eq!(rig.board.homed, 1);
    assert!(!rig.machine.is_lit());
    assert_eq!(rig.machine.progress(), Progress { exposed: 20, layers: 20, left: Milliseconds(0) });
    // What the plan leaves out: homing, the way to the first layer, the wire, the display, the raise.
    let took = rig.now.since(Moment(0)).0;
    assert!((planned.0..planned.0 + 30_000).contains(&took), "{took} ms, planned {planned:?}");
}

#[test]
fn two_layers_are_these_lines() {
    let mut rig = Rig::new(plan(20, &printer(|_| {})));
    assert_eq!(rig.until_ended(), Ending::Done);
    assert_eq!(rig.log[..5].join("\n"), START.trim_matches('\n'));
    let show =
        |layer| rig.log.iter().position(|line| line.ends_with(&format!("show {layer}"))).expect("shown");
    assert_eq!(rig.log[show(9) - 1..show(11)].join("\n"), TWO_LAYERS.trim_matches('\n'));
    assert_eq!(rig.log[show(19)..].join("\n"), END.trim_matches('\n'));
}

/// Milliseconds, and what is handed out.
const START: &str = "
      0 M107 | M400
      0 blank
     16 M84 S0 | G28 Z | M400
   9024 G90 | G1 Z9.050 F600 | G1 Z2.050 F300 | G1 Z0.050 F90 | M400
  20670 show 0
";
const TWO_LAYERS: &str = "
 194244 G90 | G1 Z2.500 F300 | G1 Z0.500 F90 | M400
 197575 show 9
 197631 M400 | M106 S255 | G4 P2500 | M107 | M400
 200139 blank
 200655 G90 | G1 Z3.500 F60 | G1 Z7.500 F240 | M400
 204913 G90 | G1 Z2.550 F300 | G1 Z0.550 F90 | M400
 208244 show 10
 208300 M400 | M106 S255 | G4 P2500 | M107 | M400
 210808 blank
 211324 G90 | G1 Z3.550 F60 | G1 Z7.550 F240 | M400
 215582 G90 | G1 Z2.600 F300 | G1 Z0.600 F90 | M400
";
const END: &str = "
 304265 show 19
 304321 M400 | M106 S255 | G4 P2500 | M107 | M400
 306829 M107 | M400
 306829 blank
 307345 G90 | G1 Z4.000 F60 | G1 Z8.000 F240 | G1 Z155.000 F600 | M400 | M84
";

#[test]
fn klipper_is_told_in_its_words() {
    let printer = printer(|profile| {
        profile.board = Board::Klipper;
        profile.light_on = vec!["SET_PIN PIN=uv VALUE={pwm}".into()];
        profile.light_off = vec!["SET_PIN PIN=uv VALUE=0".into()];
    });
    let mut machine = Loop::new(plan(1, &printer), Plate::Empty, Moment(0)).expect("an empty plate");
    let Some(Step::Send(dark)) = machine.poll_step() else { panic!("no dark") };
    assert_eq!(dark.lines, ["SET_PIN PIN=uv VALUE=0", "M400"]);
    assert_eq!((dark.kind, machine.poll_step()), (GroupKind::Dark, Some(Step::Blank)));
    machine.handle_blanked(Moment(1));
    machine.handle_confirmed(dark.id, Micrometres(0), Moment(2));
    let Some(Step::Send(home)) = machine.poll_step() else { panic!("no home") };
    assert_eq!(home.lines, ["SET_IDLE_TIMEOUT TIMEOUT=86400", "G28 Z", "M400"]);
}

#[test]
fn a_burst_may_begin_with_a_dwell_in_which_the_rest_of_it_arrives() {
    let printer = printer(|profile| profile.burst_lead = Milliseconds(100));
    let mut rig = Rig::new(plan(3, &printer));
    assert_eq!(rig.until_ended(), Ending::Done);
    rig.verify();
    assert_eq!(rig.lines_of("G4 P100 | M106 S255 | G4 P2500 | M107 | M400"), 1);
    assert_eq!(rig.machine.reports()[2].measured, Milliseconds(2_508));
}

#[test]
fn a_dimmed_layer_is_lit_dimmed() {
    let mut layers = layers(3);
    layers[1].light = Some(90);
    let mut rig = Rig::new(Plan::of(&layers, &printer(|_| {})).expect("a plan"));
    assert_eq!(rig.until_ended(), Ending::Done);
    assert_eq!((rig.lines_of("M106 S90"), rig.lines_of("M106 S255")), (1, 2));
}

#[test]
fn the_host_times_light_between_two_confirmations() {
    let printer = printer(|profile| profile.timed_by = TimedBy::Host);
    let mut rig = Rig::new(plan(20, &printer));
    rig.timer_lag = Milliseconds(3);
    assert_eq!(rig.until_ended(), Ending::Done);
    rig.verify();
    assert_eq!(rig.board.lit.len(), 20);
    assert_eq!(rig.lines_of("M400 | M106 S255 | M400"), 20);
    for report in rig.machine.reports() {
        // The timer's lag, and the way of light off there and back.
        assert_eq!(report.measured.0, report.planned.0 + 11);
        assert_eq!(report.timed_by, TimedBy::Host);
    }
}

#[test]
fn a_host_that_hangs_while_it_times_has_failed() {
    let printer = printer(|profile| profile.timed_by = TimedBy::Host);
    // 2.5 s may be 125 ms off, of which the wire takes 8; 30 s may be 1.5 s off.
    for (lag, fails_at) in [(117, None), (118, Some(2)), (1_492, Some(2)), (1_493, Some(0))] {
        let mut rig = Rig::new(plan(4, &printer));
        rig.until(|machine| machine.state() == State::Exposing);
        while rig.machine.state() != State::Ended {
            let lit = rig.machine.state() == State::Exposing;
            rig.timer_lag = Milliseconds(if lit { lag } else { 0 });
            assert!(rig.happens());
        }
        rig.verify();
        match (fails_at, rig.machine.ending()) {
            (None, Some(Ending::Done)) => {}
            (Some(layer), Some(Ending::Failed(Fault::Exposure(report)))) => {
                assert_eq!(report.layer, LayerIndex(layer));
                assert!(report.measured > report.planned);
                assert_eq!(rig.board.z, 155_000, "the plate is up");
            }
            other => panic!("{lag} ms: {other:?}"),
        }
    }
}

#[test]
fn a_burst_that_ends_too_early_has_failed() {
    let mut rig = Rig::new(plan(4, &printer(|_| {})));
    rig.until(|machine| machine.state() == State::Exposing);
    let id = rig.machine.next_group_for_tests() - 1;
    rig.now = rig.now.after(Milliseconds(28_400));
    rig.interrupt(|machine, now| machine.handle_confirmed(GroupId(id), Micrometres(50), now));
    let Ending::Failed(Fault::Exposure(report)) = rig.until_ended() else { panic!() };
    assert_eq!((report.layer, report.measured), (LayerIndex(0), Milliseconds(28_400)));
}

#[test]
fn nothing_homes_down_onto_a_part() {
    let down = printer(|_| {});
    assert_eq!(Loop::new(plan(1, &down), Plate::NotLookedAt, Moment(0)).err(), Some(PlateNotLookedAt));
    let up = printer(|profile| profile.homes_down = false);
    assert!(Loop::new(plan(1, &up), Plate::NotLookedAt, Moment(0)).is_ok());
}

#[test]
fn the_raise_at_the_end_is_as_far_as_the_profile_says() {
    for (raise, at) in [(None, 155_000), (Some(20_000), 20_150), (Some(0), 8_650), (Some(155_000), 155_000)] {
        let printer = printer(|profile| {
            profile.raise_at_end = raise.map(Micrometres);
            profile.motors_off_at_end = false;
        });
        let mut rig = Rig::new(plan(3, &printer));
        assert_eq!(rig.until_ended(), Ending::Done);
        assert_eq!((rig.board.z, rig.lines_of("| M84")), (at, 0), "{raise:?}");
    }
}
