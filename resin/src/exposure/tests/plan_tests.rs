use proptest::prelude::*;

use super::*;

fn leg(to: i64, speed: i64) -> Leg {
    Leg { to: Micrometres(to), speed: MicrometresPerSecond(speed) }
}

#[test]
fn a_layer_is_lifted_in_two_stages_and_comes_down_in_two() {
    let plan = plan(20, &printer(|_| {}));
    let layer = plan.layers()[10];
    assert_eq!(
        layer,
        LayerPlan {
            pause: false,
            from: Micrometres(7_500),
            retract: Legs { first: leg(2_550, 5_000), second: Some(leg(550, 1_500)) },
            z: Micrometres(550),
            rest_before_light: Milliseconds(1_000),
            light: 255,
            exposure: Milliseconds(2_500),
            rest_before_lift: Milliseconds(500),
            lift: Legs { first: leg(3_550, 1_000), second: Some(leg(7_550, 4_000)) },
            rest_after_lift: Milliseconds(250),
        }
    );
}

#[test]
fn bottom_layers_become_the_others_in_equal_steps() {
    let plan = plan(8, &printer(|_| {}));
    let lifts: Vec<_> = plan.layers().iter().map(|layer| layer.lift.first.to.0 - layer.z.0).collect();
    assert_eq!(lifts, [5_000, 5_000, 4_500, 4_000, 3_500, 3_000, 3_000, 3_000]);
    let rests: Vec<_> = plan.layers().iter().map(|layer| layer.rest_before_light.0).collect();
    assert_eq!(rests, [8_000, 4_000, 3_250, 2_500, 1_750, 1_000, 1_000, 1_000]);
}

#[test]
fn where_the_file_gives_no_exposure_it_is_the_profiles() {
    let printer = printer(|profile| {
        profile.exposure = Some(Milliseconds(2_000));
        profile.bottom.exposure = Some(Milliseconds(30_000));
    });
    let mut layers = layers(7);
    layers.iter_mut().for_each(|layer| layer.exposure = Milliseconds(0));
    layers[6].exposure = Milliseconds(1_800);
    let plan = Plan::of(&layers, &printer).expect("a plan");
    let exposures: Vec<_> = plan.layers().iter().map(|layer| layer.exposure.0).collect();
    assert_eq!(exposures, [30_000, 30_000, 23_000, 16_000, 9_000, 2_000, 1_800]);
}

#[test]
fn what_a_layer_says_itself_goes_before_the_profile() {
    let mut layers = layers(3);
    layers[1].peel = Peel {
        second_lift: Some(Micrometres(0)),
        second_retract: Some(Micrometres(9_000)),
        rest_after_lift: Some(Milliseconds(0)),
        ..lift(2_000, 300)
    };
    layers[1].light = Some(128);
    layers[1].pause = true;
    let plan = Plan::of(&layers, &printer(|_| {})).expect("a plan");
    let [_, own, next] = plan.layers() else { panic!() };
    assert_eq!(own.lift, Legs { first: leg(2_100, 300), second: None });
    assert_eq!((own.light, own.pause, own.rest_after_lift), (128, true, Milliseconds(0)));
    // Its last piece is longer than the way: all of it at that speed, and no higher on the way down.
    assert_eq!(
        (next.from, next.retract),
        (Micrometres(2_100), Legs { first: leg(150, 1_500), second: None })
    );
}

#[test]
fn what_cannot_be_printed_is_refused_with_its_layer() {
    type Change = fn(&mut Vec<Layer>);
    let table: &[(&str, Change)] = &[
        ("has no layer", |layers| layers.clear()),
        ("layer 1 is at 0.000 mm", |layers| layers[0].top = Micrometres(0)),
        ("layer 4 is at -0.001 mm", |layers| layers[3].top = Micrometres(-1)),
        ("layer 5 is at 155.001 mm", |layers| layers[4].top = Micrometres(155_001)),
        ("layer 5 is at 922337203685477", |layers| layers[4].top = Micrometres(i64::MAX)),
        ("layer 3 is at 0.090 mm, below", |layers| layers[2].top = Micrometres(90)),
        ("layer 5 is lifted to 155.001 mm", |layers| layers[4].top = Micrometres(147_501)),
        ("layer 2 is lifted to", |layers| layers[1].peel = lift(i64::MAX, 1_000)),
        ("layer 4 is lifted to 8.200 mm only", |layers| layers[4].top = Micrometres(9_000)),
        ("layer 3 is lifted to 0.150 mm only", |layers| {
            layers[2].peel = Peel { second_lift: Some(Micrometres(0)), ..lift(0, 1_000) };
        }),
        ("layer 3: lift is below zero", |layers| layers[2].peel = lift(-1, 1_000)),
        ("layer 3: lift_speed of 0 µm/s", |layers| layers[2].peel = lift(3_000, 0)),
        ("layer 3: lift_speed of 20001 µm/s", |layers| layers[2].peel = lift(3_000, 20_001)),
        ("layer 3: rest_after_lift of", |layers| {
            layers[2].peel.rest_after_lift = Some(Milliseconds(u64::MAX))
        }),
        ("layer 3 is to be lit 60.001 s", |layers| layers[2].exposure = Milliseconds(60_001)),
        ("layer 3: neither the file", |layers| layers[2].exposure = Milliseconds(0)),
        ("layer 3 is lit with no light", |layers| layers[2].light = Some(0)),
    ];
    for (words, change) in table {
        let mut layers = layers(5);
        change(&mut layers);
        let error = Plan::of(&layers, &printer(|_| {})).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn a_light_that_cannot_be_dimmed_is_not_asked_to() {
    let printer = printer(|profile| profile.light_on = vec!["M106 S255".into()]);
    let mut layers = layers(2);
    layers[1].light = Some(255);
    Plan::of(&layers, &printer).expect("full light");
    layers[1].light = Some(254);
    assert_eq!(Plan::of(&layers, &printer), Err(PlanError::NotDimmed { layer: 1, light: 254 }));
}

#[test]
fn a_layer_takes_what_its_ways_and_rests_take() {
    let plan = plan(20, &printer(|_| {}));
    // Down 4.95 mm at 5 and 2 at 1.5 mm/s, rest, settle, light, rest, up 3 mm at 1 and 4 at 4 mm/s, rest.
    assert_eq!(
        plan.layer_takes(10),
        Some(Milliseconds(990 + 1334 + 1000 + 40 + 2500 + 500 + 3000 + 1000 + 250))
    );
    assert_eq!(plan.layer_takes(20), None);
    let all: u64 = (0..20).filter_map(|layer| plan.layer_takes(layer)).map(|time| time.0).sum();
    assert_eq!((plan.takes(), plan.left_from(20)), (Milliseconds(all), Milliseconds(0)));
}

fn any_peel() -> impl Strategy<Value = Peel> {
    let length = || proptest::option::of((0..20_000i64).prop_map(Micrometres));
    let speed = || proptest::option::of((1..20_000i64).prop_map(MicrometresPerSecond));
    let rest = || proptest::option::of((0..100_000u64).prop_map(Milliseconds));
    (length(), speed(), length(), speed(), speed(), length(), speed(), rest(), rest(), rest()).prop_map(
        |(lift, lift_speed, second_lift, second_lift_speed, retract_speed, second_retract, last, a, b, c)| {
            Peel {
                rest_before_lift: a,
                lift,
                lift_speed,
                second_lift,
                second_lift_speed,
                rest_after_lift: b,
                retract_speed,
                second_retract,
                second_retract_speed: last,
                rest_before_light: c,
            }
        },
    )
}

proptest! {
    #[test]
    fn ways_stay_within_the_machine_and_end_on_the_layer(
        steps in proptest::collection::vec((0..30_000i64, any_peel()), 1..20),
        bottom in any_peel(),
    ) {
        let printer = printer(|profile| profile.bottom.peel = bottom);
        let mut top = 1;
        let layers: Vec<_> = steps.iter().map(|(step, peel)| {
            top += step;
            Layer { top: Micrometres(top), exposure: Milliseconds(1), peel: *peel, ..Layer::default() }
        }).collect();
        if let Ok(plan) = Plan::of(&layers, &printer) {
            for (layer, planned) in layers.iter().zip(plan.layers()) {
                prop_assert_eq!(planned.z, layer.top);
                prop_assert_eq!(planned.retract.end(), planned.z);
                prop_assert!(planned.from > planned.z);
                prop_assert!(planned.lift.end() > planned.z);
                let mut at = planned.from;
                for leg in planned.retract.iter() {
                    prop_assert!(leg.to < at && leg.to >= planned.z);
                    at = leg.to;
                }
                for leg in planned.lift.iter() {
                    prop_assert!(leg.to > at && leg.to <= printer.height);
                    at = leg.to;
                }
                let said = layer.peel.lift.unwrap_or_default().0;
                prop_assert!(said == 0 || planned.lift.first.to.0 == planned.z.0 + said);
            }
        }
    }

    #[test]
    fn no_layers_whatsoever_make_a_plan_panic(
        layers in proptest::collection::vec((any::<i64>(), any::<u64>(), any::<i64>(), any::<u64>()), 1..5),
    ) {
        let layers: Vec<_> = layers.into_iter().map(|(top, exposure, length, rest)| Layer {
            top: Micrometres(top),
            exposure: Milliseconds(exposure),
            peel: Peel {
                second_lift: Some(Micrometres(length)),
                rest_after_lift: Some(Milliseconds(rest)),
                ..lift(length, length)
            },
            ..Layer::default()
        }).collect();
        let _ = Plan::of(&layers, &printer(|_| {}));
    }
}
