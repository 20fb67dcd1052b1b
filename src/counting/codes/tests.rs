//! Tables that are right, wrong, overlapping or missing, and what is told of each.

use super::*;

const OLD: &str = include_str!("../../../config/codes/2019-07-01.toml");
const NEW: &str = include_str!("../../../config/codes/2026-04-01.toml");

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn told(files: &[(&str, &str)]) -> Vec<String> {
    match CodeTables::read(files.iter().copied()) {
        Ok(_) => Vec::new(),
        Err(Mistakes(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

#[track_caller]
fn refuses(text: &str, expected: &[&str]) {
    let told = told(&[("t.toml", text)]);
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with("t.toml") && told.contains(expected), "{told} has not {expected:?}");
    }
}

#[test]
fn the_shipped_caps_are_those_of_the_reference_on_both_sides_of_april_2026() {
    let tables = CodeTables::shipped().unwrap();
    let caps = |at: &str| match tables.at(day(at)) {
        AtDay::Valid(table) => table
            .codes()
            .iter()
            .map(|code| format!("{} {}", code.number, code.cap.as_ref().map_or(0, |cap| cap.units)))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let before = ["0559T 1", "0560T 1", "0561T 1", "0562T 1"];
    let after = ["0559T 1", "0560T 5", "0561T 1", "0562T 2"];
    assert_eq!(caps("2019-07-01"), before);
    assert_eq!(caps("2026-03-31"), before);
    assert_eq!(caps("2026-04-01"), after);
    assert_eq!(caps("2029-12-31"), after);
}

#[test]
fn a_day_outside_all_tables_is_told_with_the_table_nearest_to_it() {
    let tables = CodeTables::shipped().unwrap();
    assert!(matches!(tables.at(day("2030-01-01")), AtDay::Ended(table) if table.to == day("2029-12-31")));
    assert!(matches!(tables.at(day("2019-06-30")), AtDay::NotYet(table) if table.from == day("2019-07-01")));
}

#[test]
fn every_mistake_of_every_file_is_told_at_once_with_file_key_and_reason() {
    let old = OLD
        .replace(
            "cap = 1\ncap_certainty = \"inferred\"\ncap_source = \"no",
            "cap = 0\ncap_certainty = \"sure\"\ncap_source = \"no",
        )
        .replace("valid_to = \"2026-03-31\"", "valid_to = \"2026-02-30\"");
    let new = NEW.replace("number = \"0561T\"", "number = \"561T\"\ncolour = \"red\"");
    let told = told(&[("old.toml", &old), ("new.toml", &new)]);
    let expected = [
        "old.toml line 11: valid_to: \"2026-02-30\" is no day",
        "old.toml line 23: code #1 cap: this is no whole number in that range; write cap = a whole number from 1 to 999",
        "old.toml line 24: code #1 cap_certainty: there is no such word; write one of \"found\", \"inferred\", \"memory\"",
        "old.toml line 47: code #3 cap:",
        "old.toml line 48: code #3 cap_certainty:",
        "new.toml line 44: code #3 number: \"561T\" is no code number",
        "new.toml line 45: code #3 colour: there is no such key; known here: number, family",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nnot\n{expected}");
    }
}

#[test]
fn a_table_that_contradicts_itself_is_refused_with_the_code_that_does() {
    refuses(
        &NEW.replace("number = \"0562T\"", "number = \"0560T\""),
        &["code #4 number: 0560T stands here twice"],
    );
    refuses(
        &NEW.replace("family = \"guide\"", "family = \"model\""),
        &[
            "code #3 role: 0559T is the first model code already",
            "code #4 role: 0560T is the additional model code already",
            "there is no first guide code",
            "there is no additional guide code",
        ],
    );
    refuses(
        &NEW.replace("base = \"0561T\"", "base = \"0559T\""),
        &["code 0562T base: its base code is not 0561T"],
    );
    refuses(&NEW.replace("base = \"0561T\"\n", ""), &["code #4 base: this is missing"]);
    refuses(
        &NEW.replace("role = \"first\"\np", "role = \"first\"\nbase = \"0562T\"\np"),
        &["code #1 base: a base code has no base code", "code #3 base: a base code has no base code"],
    );
    refuses(
        &NEW.replace("cap = 5\n", ""),
        &[
            "code #2 cap_certainty: there is no cap that this is about",
            "code #2 cap_source: there is no cap that this is about",
        ],
    );
    refuses(&NEW.replace("2029-12-31", "2026-03-01"), &["valid_to: this is before valid_from"]);
    refuses(&NEW.replace("\"76377\"", "76377"), &["not_beside: this is no text"]);
    refuses("valid_from", &["line 1: this is not TOML"]);
    refuses(&"#".repeat(300 << 10), &["the file has more than 262144 bytes"]);
}

#[test]
fn tables_that_overlap_or_leave_days_without_codes_are_refused_whatever_their_order() {
    assert_eq!(told(&[("b", NEW), ("a", OLD)]), [""; 0]);
    let gap = told(&[("b", &NEW.replace("2026-04-01\"", "2026-04-02\"")), ("a", OLD)]);
    assert_eq!(gap.len(), 1);
    assert!(
        gap[0].starts_with("b: valid_from: 2026-04-02 leaves a gap after a, which ends on 2026-03-31"),
        "{gap:?}"
    );
    let twice = told(&[("a", OLD), ("b", &NEW.replace("2026-04-01\"", "2026-03-31\""))]);
    assert!(twice[0].starts_with("b: valid_from: 2026-03-31 overlaps with a"), "{twice:?}");
    assert!(told(&[])[0].contains("there is no table of codes"));
}

#[test]
fn a_code_may_stand_without_a_cap() {
    let text = NEW.replace(
        "cap = 5\ncap_certainty = \"found\"\ncap_source = \"ACR news of 5 March 2026: raised from 1 to 5\"\n",
        "",
    );
    let tables = CodeTables::read([("t", text.as_str())]).unwrap();
    let AtDay::Valid(table) = tables.at(day("2026-05-01")) else { panic!() };
    assert_eq!(table.code(Family::Model, Role::Additional).cap, None);
}

#[test]
fn official_texts_are_taken_for_known_codes_and_only_with_the_licence_that_allows_them() {
    let tables = CodeTables::shipped().unwrap();
    let text = "licence = \"our own\"\n[text]\n\"0559T\" = \"the text\"\n";
    let texts = Descriptors::read(("d.toml", text), &tables).unwrap();
    assert_eq!(texts.of(&"0559T".parse().unwrap()), Some("the text"));
    assert_eq!(texts.of(&"0560T".parse().unwrap()), None);
    let bad = "[text]\n\"0599T\" = \"x\"\n\"0560T\" = 3\n";
    let told = Descriptors::read(("d.toml", bad), &tables).unwrap_err().to_string();
    for expected in
        ["licence: this is missing", "text 0599T: no table has this code", "text 0560T: this is no text"]
    {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn no_shipped_paraphrase_repeats_the_words_of_the_descriptor_that_was_found() {
    // Telling pieces of the descriptors, as the reference quotes them (§1.1).
    for code in CodeTables::shipped().unwrap().all().flat_map(CodeTable::codes) {
        for piece in [
            "image data set",
            "designed from image",
            "natomic guide",
            "List separately",
            "in addition to",
            "individually prepared",
        ] {
            assert!(!code.paraphrase.contains(piece), "{}", code.paraphrase);
        }
    }
}
