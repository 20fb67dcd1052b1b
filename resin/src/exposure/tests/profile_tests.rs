use super::*;

#[test]
fn a_profile_is_read_with_its_defaults() {
    let profile = profile();
    assert_eq!((profile.wait.as_str(), profile.dwell.as_str()), ("M400", "G4 P{ms}"));
    assert_eq!((profile.buffer_lines, profile.buffer_bytes), (4, 127));
    assert_eq!(profile.raise_at_end, None);
    profile.checked().expect("no mistake");
}

#[test]
fn a_key_that_nobody_knows_is_refused() {
    for (place, what) in
        [("\"board\"", "\"bord\""), ("\"settles_in\"", "\"settle\""), ("\"layers\"", "\"count\"")]
    {
        let text = PROFILE.replacen(place, what, 1);
        assert!(serde_json::from_str::<Profile>(&text).is_err(), "{what}");
    }
}

#[test]
fn every_mistake_is_told_with_its_key() {
    type Change = fn(&mut Profile);
    let table: &[(&str, Change)] = &[
        ("light_on", |profile| profile.light_on.clear()),
        ("light_on[0]", |profile| profile.light_on = vec!["M106 S{power}".into()]),
        ("light_on[0]", |profile| profile.light_on = vec!["G1 Z5".into()]),
        ("light_on[0]", |profile| profile.light_on = vec!["M106 S255\nG28".into()]),
        ("light_on[1]", |profile| profile.light_on = vec!["M106 S255".into(), " M3".into()]),
        ("light_on[0]", |profile| profile.light_on = vec![format!("M106 S255 {}", "A".repeat(80))]),
        ("light_off", |profile| profile.light_off.clear()),
        ("light_off[0]", |profile| profile.light_off = vec!["M106 S{pwm}0".into()]),
        ("light_off[0]", |profile| profile.light_off = vec!["M107 ; off".into()]),
        ("light_off", |profile| {
            profile.light_on = vec!["M42 P4".into()];
            profile.light_off = profile.light_on.clone();
        }),
        ("home", |profile| profile.home = String::new()),
        ("wait", |profile| profile.wait = "G28".into()),
        ("motors_off", |profile| profile.motors_off = "G0 Z0".into()),
        ("dwell", |profile| profile.dwell = "G4 P500".into()),
        ("dwell", |profile| profile.dwell = "G1 Z{ms}".into()),
        ("height", |profile| profile.height = Micrometres(10_000_001)),
        ("fastest", |profile| profile.fastest = MicrometresPerSecond(1_000_001)),
        ("travel_speed", |profile| profile.travel_speed = MicrometresPerSecond(20_001)),
        ("travel_speed", |profile| profile.travel_speed = MicrometresPerSecond(0)),
        ("raise_at_pause", |profile| profile.raise_at_pause = Micrometres(155_001)),
        ("raise_at_end", |profile| profile.raise_at_end = Some(Micrometres(-1))),
        ("z_tolerance", |profile| profile.z_tolerance = Micrometres(0)),
        ("peel.lift", |profile| profile.peel.lift = None),
        ("peel.lift", |profile| profile.peel.lift = Some(Micrometres(-1))),
        ("peel.lift_speed", |profile| profile.peel.lift_speed = None),
        ("peel.retract_speed", |profile| profile.peel.retract_speed = Some(MicrometresPerSecond(-5))),
        ("peel.second_lift_speed", |profile| profile.peel.second_lift_speed = None),
        ("peel.second_retract_speed", |profile| profile.peel.second_retract_speed = None),
        ("bottom.peel.second_lift", |profile| profile.bottom.peel.second_lift = Some(Micrometres(155_001))),
        ("bottom.peel.rest_before_light", |profile| {
            profile.bottom.peel.rest_before_light = Some(Milliseconds(3_600_001));
        }),
        ("bottom.transition", |profile| profile.bottom.layers = 0),
        ("exposure", |profile| profile.bottom.exposure = Some(Milliseconds(20_000))),
        ("exposure", |profile| profile.exposure = Some(Milliseconds(60_001))),
        ("longest_exposure", |profile| profile.longest_exposure = Milliseconds(3_600_001)),
        ("first_layer_rest", |profile| profile.first_layer_rest = Milliseconds(u64::MAX)),
        ("rest_after_pause", |profile| profile.rest_after_pause = Milliseconds(u64::MAX)),
        ("long_pause", |profile| profile.long_pause = Some(Milliseconds(0))),
        ("display.settles_in", |profile| profile.display.settles_in = Milliseconds(10_001)),
        ("display.answers_within", |profile| profile.display.answers_within = Milliseconds(0)),
        ("answers_within", |profile| profile.answers_within = Milliseconds(99)),
        ("homes_within", |profile| profile.homes_within = Milliseconds(0)),
        ("burst_lead", |profile| profile.burst_lead = Milliseconds(1001)),
        ("buffer_lines", |profile| profile.buffer_lines = 3),
        ("buffer_lines", |profile| profile.light_on.push("M42 P4 S255".into())),
        ("buffer_bytes", |profile| profile.buffer_bytes = 99),
        ("buffer_bytes", |profile| {
            profile.board = Board::Klipper;
            profile.light_on = vec!["SET_PIN PIN=uv_light VALUE={pwm}".into()];
            profile.light_off = vec!["SET_PIN PIN=uv_light VALUE=0".into()];
        }),
    ];
    for (key, change) in table {
        let mut profile = profile();
        change(&mut profile);
        let mistakes = profile.checked().expect_err(key);
        assert!(mistakes.0.iter().any(|mistake| mistake.key == *key), "{key}: {mistakes}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut profile = profile();
    profile.light_on.clear();
    profile.height = Micrometres(0);
    profile.answers_within = Milliseconds(0);
    let told = profile.checked().expect_err("three mistakes").to_string();
    assert_eq!(told.lines().filter(|line| line.starts_with("light_on:")).count(), 1);
    assert_eq!(told.lines().filter(|line| line.starts_with("height:")).count(), 1);
    assert_eq!(told.lines().filter(|line| line.starts_with("answers_within:")).count(), 1);
}

#[test]
fn what_the_host_times_needs_no_room_in_the_boards_buffer() {
    printer(|profile| {
        profile.timed_by = TimedBy::Host;
        profile.buffer_lines = 1;
        profile.buffer_bytes = 1;
    });
}
