//! Costs worked by hand, and the laws that hold for every list of events.

use super::*;
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../../config/costs/example.toml");

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn case(number: u8) -> CaseToken {
    CaseToken::from_entropy([number; 16])
}

/// The example, and a second version from July on with dearer resin and half the overhead.
fn book() -> RateBook {
    let second = EXAMPLE
        .replace("example-2026", "example-2026-b")
        .replace("2026-01-01", "2026-07-01")
        .replace("14900", "20000")
        .replace("overhead_permille = 150", "overhead_permille = 75");
    RateBook::read([("b.toml", second.as_str()), ("a.toml", EXAMPLE)]).unwrap()
}

fn event(part: Option<u16>, on: &str, used: Used) -> CostEvent {
    CostEvent { case: case(1), part, day: day(on), used, scrap: false }
}

fn resin(milligrams: u64) -> Used {
    Used::Material { name: "clear resin".into(), milligrams: Some(milligrams) }
}

fn machine(seconds: u64) -> Used {
    Used::Machine { name: "prusa-mk3s".into(), seconds: Some(seconds) }
}

#[test]
fn a_case_costs_what_was_worked_out_by_hand_line_by_line_with_the_version_beside_it() {
    let events = [
        // 14900 × 86,400 mg / 1,000,000 = 1287.36 → 1287
        event(Some(1), "2026-06-30", resin(86_400)),
        // the same resin a day later by the next version: 20000 × 86,400 / 1,000,000 = 1728
        CostEvent { scrap: true, ..event(Some(1), "2026-07-01", resin(86_400)) },
        // 150 × 5,412 s / 3600 = 225.5 → 226
        event(Some(2), "2026-07-01", machine(5_412)),
        // 18000 × 25 min / 60 = 7500
        event(None, "2026-02-03", Used::Labour { who: Who::Clinician, minutes: Some(25) }),
        event(Some(2), "2026-07-02", Used::Consumable { name: "build sheet".into(), pieces: Some(2) }),
        CostEvent { case: case(2), ..event(Some(1), "2026-07-01", resin(1_000_000)) },
    ];
    let cost = book().cost(&case(1), &events).unwrap();
    let lines: Vec<_> =
        cost.lines.iter().map(|line| (line.amount.0, line.rate.0, line.per, line.version.as_str())).collect();
    assert_eq!(
        lines,
        [
            (1_287, 14_900, Per::Kilogram, "example-2026"),
            (1_728, 20_000, Per::Kilogram, "example-2026-b"),
            (226, 150, Per::Hour, "example-2026-b"),
            (7_500, 18_000, Per::Hour, "example-2026"),
            (150, 75, Per::Piece, "example-2026-b"),
        ]
    );
    // Overhead: whole case 7500 × 15 % = 1125; part 1: 1287 × 15 % = 193.05 → 193, and 1728 × 7.5 % = 129.6 → 130;
    // part 2: (226 + 150) × 7.5 % = 28.2 → 28.
    let parts: Vec<_> = cost.parts.iter().map(|p| (p.part, p.direct.0, p.scrap.0, p.overhead.0)).collect();
    assert_eq!(parts, [(None, 7_500, 0, 1_125), (Some(1), 3_015, 1_728, 323), (Some(2), 376, 0, 28)]);
    assert_eq!(
        (cost.direct, cost.scrap, cost.overhead, cost.total),
        (Money(10_891), Money(1_728), Money(1_476), Money(12_367))
    );
    assert_eq!(
        cost.versions.iter().map(String::as_str).collect::<Vec<_>>(),
        ["example-2026", "example-2026-b"]
    );
    assert!(cost.missing.is_empty());
}

#[test]
fn what_has_no_rate_or_no_quantity_is_told_as_missing_and_is_in_no_sum() {
    let events = [
        event(Some(1), "2026-03-01", Used::Material { name: "PETG".into(), milligrams: Some(5) }),
        event(Some(1), "2026-03-01", Used::Machine { name: "prusa-mk3s".into(), seconds: None }),
        event(Some(1), "2025-12-31", machine(3_600)),
        event(Some(1), "2026-03-01", machine(3_600)),
    ];
    let cost = book().cost(&case(1), &events).unwrap();
    assert_eq!((cost.direct, cost.parts[0].missing), (Money(150), 3));
    let why: Vec<_> = cost.missing.iter().map(|missing| missing.why.to_string()).collect();
    assert_eq!(
        why,
        [
            "version example-2026 of the rates has no rate for it",
            "its quantity is not known",
            "no rates are valid on 2025-12-31",
        ]
    );
}

#[test]
fn a_quantity_that_cannot_be_is_an_error_and_not_a_wrong_sum() {
    let events =
        [event(None, "2026-03-01", Used::Consumable { name: "build sheet".into(), pieces: Some(u64::MAX) })];
    assert_eq!(book().cost(&case(1), &events), Err(TooLarge));
}

#[test]
fn every_mistake_in_every_file_of_rates_is_told() {
    let first = EXAMPLE.replace("per_kg = 2500", "per_kg = 25.0").replace("\"USD\"", "\"Dollar\"");
    let second = EXAMPLE
        .replace("who = \"non_clinician\"", "who = \"clinician\"")
        .replace("name = \"clear resin\"", "name = \"PLA\"")
        .replace("overhead_permille = 150\n", "");
    let told = RateBook::read([("1.toml", first.as_str()), ("2.toml", second.as_str())]).unwrap_err();
    let told: Vec<_> = told.0.iter().map(ToString::to_string).collect();
    let expected = [
        "1.toml line 11: currency: \"Dollar\" is no currency",
        "1.toml line 21: material #1 per_kg: this is no whole number",
        "2.toml line 23: material #2 name: PLA stands here twice",
        "2.toml line 37: labour #2 who: clinician stands here twice",
        "2.toml: overhead_permille: this is missing",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nnot\n{expected}");
    }
}

#[test]
fn versions_of_the_same_day_name_or_of_another_currency_are_refused() {
    let told = |text: String| RateBook::read([("a", EXAMPLE), ("b", text.as_str())]).unwrap_err().to_string();
    let same = told(EXAMPLE.replace("example-2026", "other"));
    assert!(same.contains("b: valid_from: version example-2026 begins on 2026-01-01 too"), "{same}");
    let name = told(EXAMPLE.replace("2026-01-01", "2026-02-01"));
    assert!(name.contains("b: version: another file has version example-2026 too"), "{name}");
    let money =
        told(EXAMPLE.replace("2026-01-01", "2026-02-01").replace("example-2026", "o").replace("USD", "EUR"));
    assert!(money.contains("b: currency: version example-2026 is in USD"), "{money}");
    assert!(RateBook::read([]).unwrap_err().to_string().contains("there is no file of rates"));
}

#[test]
fn a_summary_says_how_many_costs_lack_something() {
    // 100, 200, 301: mean 200.33, half way 200, p90 is the third
    let summary = CostSummary::of([(Money(301), true), (Money(100), false), (Money(200), true)]).unwrap();
    let expected = CostSummary {
        n: 3,
        incomplete: 1,
        sum: Money(601),
        mean: Some(Money(200)),
        p50: Some(Money(200)),
        p90: Some(Money(301)),
    };
    assert_eq!(summary, expected);
    assert_eq!(CostSummary::of([]), Ok(CostSummary::default()));
}

fn any_event() -> impl Strategy<Value = CostEvent> {
    let used = prop_oneof![
        prop::option::of(0u64..5_000_000)
            .prop_map(|milligrams| Used::Material { name: "PLA".into(), milligrams }),
        (0u64..1_000_000).prop_map(machine),
        (0u64..2_000).prop_map(|m| Used::Labour { who: Who::NonClinician, minutes: Some(m) }),
        (0u64..9).prop_map(|n| Used::Consumable { name: "nothing".into(), pieces: Some(n) }),
    ];
    (prop::option::of(1u16..4), 0usize..3, used, any::<bool>()).prop_map(|(part, on, used, scrap)| {
        CostEvent { scrap, ..event(part, ["2025-12-31", "2026-03-01", "2026-09-01"][on], used) }
    })
}

proptest! {
    #[test]
    fn parts_and_lines_add_up_to_the_case_and_no_event_is_lost(events in prop::collection::vec(any_event(), 0..30)) {
        let cost = book().cost(&case(1), &events).unwrap();
        let lines: i64 = cost.lines.iter().map(|line| line.amount.0).sum();
        let parts: i64 = cost.parts.iter().map(|part| part.total().unwrap().0).sum();
        prop_assert_eq!(lines, cost.direct.0);
        prop_assert_eq!(parts, cost.total.0);
        prop_assert_eq!(cost.lines.len() + cost.missing.len(), events.len());
        prop_assert!(cost.scrap <= cost.direct);
    }

    #[test]
    fn one_more_event_never_makes_a_case_cheaper(
        mut events in prop::collection::vec(any_event(), 0..20), more in any_event(),
    ) {
        let before = book().cost(&case(1), &events).unwrap().total;
        events.push(more);
        prop_assert!(book().cost(&case(1), &events).unwrap().total >= before);
    }
}
