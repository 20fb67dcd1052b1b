//! What is found, in which spellings, and what is not.

use proptest::prelude::*;

use super::*;
use crate::domain::identifiers::{Entered, Identifiers};
use crate::domain::ids::{BootId, CaseToken, FileHash, JobId, PartId};
use crate::domain::moment::WallTime;

fn known_as(name: &str, mrn: &str) -> Known {
    let entered = Entered {
        name: Some(name.into()),
        mrn: Some(mrn.into()),
        accession: Some("RAD-4455-21".into()),
        surgeon: Some("Dr. Ada Quincy".into()),
        surgery_at: Some("2026-12-01T07:30".into()),
        birth_date: Some("1960-05-12".into()),
    };
    Known::of(&Identifiers::try_from(&entered).unwrap())
}

fn known() -> Known {
    known_as("Müller-Lüdenscheidt, Jane Q.", "0047-1108")
}

/// The kinds that are found, in the order of the text.
fn whats(text: &str, known: &Known) -> Vec<What> {
    find(text, known).into_iter().map(|found| found.what).collect()
}

fn assert_known(kind: Kind, texts: &[&str], known: &Known) {
    for text in texts {
        let found = whats(text, known);
        assert!(found.contains(&What::Known(kind)), "{text}: {found:?}");
    }
}

#[test]
fn a_patients_name_is_found_in_many_spellings() {
    let texts = [
        "Müller",
        "mueller",
        "MULLER.stl",
        "left femur of Jane",
        "LüdenscheidtJane_v2.gcode",
        "JaneMuller",
        "janemueller",
        "x-Müller-Lüdenscheidt-x",
        "Mu\u{308}ller",
        "M\u{fc}l\u{ad}ler",
        "M.Jane;Müller^Jane",
        "muellerfemur",
        "JMueller",
        "mullerj",
        "femurLUEDENSCHEIDT2",
        "part_jane_1",
        "jane2",
        "; object Jane (1)",
        "M117 Jane",
    ];
    assert_known(Kind::Name, &texts, &known());
}

#[test]
fn a_surgeons_name_is_found_without_the_title() {
    assert_known(
        Kind::Surgeon,
        &["for quincy", "Quincy_guide.stl", "DR QUINCY", "A.Quincy", "aquincy", "Ada"],
        &known(),
    );
    assert_eq!(whats("dr of the lab", &known()), [], "a title is no name");
}

#[test]
fn a_short_name_is_found_only_with_the_other_one() {
    let known = known_as("Wu Li", "471108");
    assert_known(Kind::Name, &["Wu Li", "li_wu", "WuLi", "LiWu.stl", "WU^LI", "Li, Wu", "wuli"], &known);
    for text in ["wu", "li", "Li+", "wu or li"] {
        assert_eq!(whats(text, &known), [], "{text}");
    }
}

#[test]
fn a_name_is_not_found_in_the_middle_of_another_word() {
    let known = known_as("Lee Hart", "471108");
    for text in ["sleeve", "chart", "bleed", "the heart", "hartford's is found? no: shorter than five"] {
        assert_eq!(whats(text, &known), [], "{text}");
    }
    assert_known(Kind::Name, &["Lee", "hart", "leehart", "hartlee"], &known);
}

#[test]
fn a_record_number_is_found_with_and_without_what_is_between_its_digits() {
    let texts = [
        "471108",
        "00471108",
        "0047-1108",
        "47 11 08",
        "47.1108",
        "mrn471108x",
        "part-471108.stl",
        "M117 471108",
        "G1 X10 ; 471108",
        "id:471108,",
        "4711_08",
    ];
    assert_known(Kind::Mrn, &texts, &known());
    for text in ["1471108", "4711089", "47110", "47-11-0", "4711 parts and 08 others"] {
        assert!(!whats(text, &known()).contains(&What::Known(Kind::Mrn)), "{text}");
    }
    let letters = known_as("Wu Li", "A47-B");
    assert_known(Kind::Mrn, &["a47b", "A47B"], &letters);
    assert_eq!(whats("ca47b", &letters), []);
}

#[test]
fn an_accession_number_is_found_with_and_without_its_hyphens() {
    assert_known(
        Kind::Accession,
        &["RAD-4455-21", "rad445521", "RAD 4455/21", "xx-rad4455_21"],
        &known_as("Wu Li", "1"),
    );
}

#[test]
fn a_known_day_is_found_in_every_order() {
    let texts = [
        "1960-05-12",
        "12.05.1960",
        "05/12/1960",
        "5/12/60",
        "12-May-1960",
        "May 12, 1960",
        "12may60",
        "19600512",
        "12051960",
        "05121960",
        "600512",
        "120560",
        "1960_05_12",
        "12. Mai 1960",
        "M117 12.05.1960",
        "3 of 4 on 12.05.1960",
    ];
    assert_known(Kind::BirthDate, &texts, &known());
    assert_known(
        Kind::SurgeryAt,
        &["on 2026-12-01", "1.12.2026", "Dec 1st 2026", "1. Dezember 2026", "011226"],
        &known(),
    );
}

/// Who somebody new to platen tried to write past the guard.
fn whitefield() -> Known {
    let entered = Entered {
        name: Some("Anna Whitefield".into()),
        mrn: Some("4711223".into()),
        surgeon: Some("Dr. Bellweather".into()),
        surgery_at: Some("2026-12-01T07:30".into()),
        birth_date: Some("1960-05-12".into()),
        ..Entered::default()
    };
    Known::of(&Identifiers::try_from(&entered).unwrap())
}

#[test]
fn a_known_day_is_found_without_its_zeros_its_century_or_its_year() {
    assert_known(
        Kind::BirthDate,
        &[
            "born 12.5.60",
            "12.05.60",
            "5/12/60",
            "60-5-12",
            "12. 5. 1960",
            "born 12th of May 1960",
            "born May the 12th",
            "12 mai",
            "12 de mayo de 1960",
            "12 maggio 1960",
            "\u{ff11}\u{ff12}\u{ff0e}\u{ff15}\u{ff0e}\u{ff16}\u{ff10}",
            "12\u{a0}May\u{a0}1960",
        ],
        &whitefield(),
    );
    assert_known(
        Kind::SurgeryAt,
        &[
            "1.12.26",
            "needed on 1.12.",
            "am 1.12",
            "12/1",
            "2026\u{2011}12\u{2011}01",
            "on Dec 1",
            "Dec 1st at 7:30",
            "surgery on December 1st",
            "1er d\u{e9}cembre",
            "1. Dezember",
            "1\u{ba} de diciembre",
            "1 dicembre",
        ],
        &whitefield(),
    );
    let day = |text: &str| {
        let found = whats(text, &whitefield());
        found.iter().any(|what| matches!(what, What::Known(Kind::BirthDate | Kind::SurgeryAt)))
    };
    for text in [
        "wall 1.12 mm",
        "version 1.12.",
        "scaled by 1.12",
        "part 1/12",
        "holes 1-12",
        "bugfix-1.12.x",
        "12 x 5 x 60 mm",
        "12, 5 and 60",
        "on Dec 2",
        "1.12.2025",
        // What nobody finds, and docs/vault.md says so.
        "the first of December",
        "the day after tomorrow",
    ] {
        assert!(!day(text), "{text}");
    }
}

#[test]
fn in_words_of_no_case_a_birthday_is_found_with_its_whole_year_only() {
    let everybody = std::sync::Arc::new(Everybody::of(&[whitefield()]));
    let against = Against::Everybody(everybody, Ours::default());
    for text in ["born 12th of May 1960", "12. 5. 1960", "12 de mayo de 1960"] {
        assert!(against.finds(text), "{text}");
    }
    for text in ["12.5.60", "dried on 12.5.", "May 12", "on Dec 1", "1.12.2026"] {
        assert!(!against.finds(text), "{text}");
    }
}

#[test]
fn a_number_and_a_name_are_found_in_digits_and_letters_that_only_look_otherwise() {
    for text in [
        "\u{ff14}\u{ff17}\u{ff11}\u{ff11}\u{ff12}\u{ff12}\u{ff13}",
        "\u{96a}\u{96d}\u{967}\u{967}\u{968}\u{968}\u{969}",
        "no \u{664}\u{667}\u{661}\u{661}\u{662}\u{662}\u{663}!",
        "\u{1d7d2}\u{1d7d5}\u{1d7cf}\u{1d7cf}\u{1d7d0}\u{1d7d0}\u{1d7d1}",
    ] {
        let found = find(text, &whitefield());
        assert_eq!(found[0].what, What::Known(Kind::Mrn), "{text}");
        assert!(text.get(found[0].at.clone()).is_some_and(|found| found.chars().count() == 7), "{text}");
    }
    assert_known(
        Kind::Name,
        &[
            "\u{410}nna",
            "\u{410}nn\u{430} Whit\u{435}f\u{456}eld",
            "WH\u{399}TEF\u{399}ELD",
            "\u{ff37}\u{ff48}\u{ff49}\u{ff54}\u{ff45}\u{ff46}\u{ff49}\u{ff45}\u{ff4c}\u{ff44}",
        ],
        &whitefield(),
    );
    let ivanov = "\u{418}\u{432}\u{430}\u{43d}\u{43e}\u{432}";
    assert_known(Kind::Name, &[ivanov, ivanov.to_uppercase().as_str()], &known_as(ivanov, "471108"));
    assert_eq!(whats("\u{43d}\u{430} \u{441}\u{442}\u{43e}\u{43b}\u{435}", &whitefield()), []);
}

#[test]
fn a_name_is_found_where_it_is_written_apart() {
    assert_known(
        Kind::Name,
        &[
            "A W h i t e f i e l d",
            "w h i t e f i e l d",
            "A.n.n.a",
            "White field",
            "white-field",
            "Wh ite field",
        ],
        &whitefield(),
    );
    assert_known(
        Kind::Surgeon,
        &["dr. bell-weather", "Bell Weather", "B e l l w e a t h e r"],
        &whitefield(),
    );
    for text in ["white", "the field is white", "x y z", "a n n", "bell", "weather", "White, then the field"]
    {
        assert_eq!(whats(text, &whitefield()), [], "{text}");
    }
    let everybody = std::sync::Arc::new(Everybody::of(&[whitefield()]));
    let against = Against::Everybody(everybody, Ours::default());
    for (text, found) in [("bell-weather", true), ("W h i t e f i e l d", true), ("a white field", false)] {
        assert_eq!(against.finds(text), found, "{text}");
    }
}

#[test]
fn what_looks_like_an_identifier_is_found_without_being_known() {
    let cases: [(What, &[&str]); 12] = [
        (
            What::LongNumber,
            &["4711081", "pat 47110815", "4711081.stl", "47-110-815", "M117 4711081", "layers4711081"],
        ),
        (
            What::Date,
            &[
                "1960-05-12",
                "12.5.1960",
                "12/31/99",
                "31-12-99",
                "20261123",
                "3 March 1960",
                "Mar 1960",
                "march 3",
                "1960 05 12",
                "2026/11/23",
                "23NOV2026",
                "1960-May-12",
            ],
        ),
        (What::Email, &["jane@example.org", "<j.d+x@a-b.co>"]),
        (
            What::Phone,
            &[
                "+49 171 1234567",
                "(555) 123-4567",
                "555-123-4567",
                "555.123.4567",
                "0171 1234567",
                "+15551234567",
                "1-555-123-4567",
            ],
        ),
        (
            What::DicomUid,
            &[
                "1.2.840.113619.2.55.3",
                "2.25.329800735698586629295641978511506172918",
                "1.3.6.1.4.1.5962.1.1",
            ],
        ),
        (What::Accession, &["A123456", "RAD-202611", "CT_654321.stl", "abc123456", "x_4711081.stl"]),
        (What::SocialSecurity, &["123-45-6789", "ssn 123 45 6789"]),
        (
            What::Labelled,
            &["MRN 4711", "mrn:12", "DOB: 60", "patient #12", "Acc-12", "PatientID=99", "Geb. 60"],
        ),
        (What::Age, &["93 yo", "93y", "aged 91", "102-year-old", "94-jähriger", "age: 90"]),
        (What::PersonName, &["DOE^JANE", "Dr. Quincy", "Mrs Doe", "Prof. Dr. Doe", "Herr Doe", "Dr_Quincy"]),
        (What::Link, &["https://pacs/x", "see www.example.org/a", "FILE://server/doe"]),
        (What::Address, &["192.168.1.17", "from 10.0.0.5:80"]),
    ];
    for (what, texts) in cases {
        for text in texts {
            let found = whats(text, &Known::none());
            assert!(found.contains(&what), "{text}: {found:?}, not {what:?}");
        }
    }
}

#[test]
fn what_a_lab_says_every_day_is_no_finding() {
    for text in [
        "left ventricle, part 2 of 3, revision 4",
        "Linker Ventrikel",
        "patient-specific guide",
        "age of the resin: 12 weeks",
        "PLA, 215 C, 0.2 mm, 15%",
        "10 x 20 x 30 mm",
        "size 120.5 x 80.25 x 43",
        "printed 123456 of 234567 commands",
        "Marlin 2.1.2.5 (Jan 13 2026)".split(" (").next().unwrap(),
        "bugfix-2.1.x",
        "PrusaSlicer-2.9.0",
        "version 1.12.3",
        "T:200.00 /200.00 B:60.00 /60.00 @:127 B@:64",
        "ok N123456 P15 B3",
        "X:10.00 Y:20.00 Z:0.30 E:0.00 Count X:800 Y:1600 Z:120",
        "echo:SD card ok",
        "resin lot 12, open since 3 weeks",
        "may start at 7:30",
        "5 year study, 12 yo phantom",
        "layer 120/340",
        "0.1234567 mm",
        "it may be march or july",
        "surgery tomorrow",
        "G28 before the print",
    ] {
        assert_eq!(whats(text, &Known::none()), [], "{text}");
    }
}

#[test]
fn a_finding_says_where_and_never_what() {
    let text = "for Jane, MRN 471108, on 2026-12-01, call 0171 1234567";
    let found = find(text, &known());
    let pieces: Vec<&str> = found.iter().map(|found| &text[found.at.clone()]).collect();
    assert_eq!(pieces, ["Jane", "471108", "2026-12-01", "0171 1234567"]);
    let leak = pass(text, &known()).unwrap_err();
    let words = format!("{leak} {leak:?}");
    for secret in ["Jane", "471108", "2026", "0171"] {
        assert!(!words.contains(secret), "{words}");
    }
    assert!(words.contains("the patient's name at characters 5 to 8"), "{words}");
    assert_eq!(pass("left femur", &known()), Ok("left femur"));
}

#[test]
fn what_is_known_is_not_shown() {
    assert_eq!(format!("{:?}", known()), "Known (hidden)");
}

#[test]
fn two_cases_on_one_plate_are_both_known() {
    let both = known_as("Jane Doe", "111111").and(known_as("John Smith", "222222"));
    assert_eq!(whats("doe and smith", &both), [What::Known(Kind::Name), What::Known(Kind::Name)]);
}

#[test]
fn every_text_of_a_document_is_looked_at_and_its_numbers_are_not() {
    let document = serde_json::json!({
        "v": 1, "mono_ms": 12345678, "data": {"note": "for Jane", "list": ["x", "1960-05-12"], "jane": 1}
    });
    let found = find_in_json(&document, &known());
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/data/(field 0)", "/data/list/1", "/data/note"]);
}

/// A command as slicers write it.
fn gcode() -> impl Strategy<Value = String> {
    let word = ("[XYZEFIJSPRKLABCQ]", -99999.0..99999.0f64, 0usize..6)
        .prop_map(|(letter, value, digits)| format!("{letter}{value:.digits$}"));
    let whole = ("[PSRT]", 0u32..2_000_000_000).prop_map(|(letter, value)| format!("{letter}{value}"));
    let words = proptest::collection::vec(prop_oneof![word, whole], 0..6);
    let code = prop_oneof![
        Just("G0".to_owned()),
        Just("G1".into()),
        Just("G2".into()),
        Just("G29".into()),
        Just("G92".into()),
        Just("M104".into()),
        Just("M73".into()),
        Just("M900".into()),
        Just("M204".into()),
        Just("T1".into()),
        Just("G4".into()),
    ];
    (proptest::option::of(0u32..100_000_000), code, words, proptest::option::of(0u8..=255)).prop_map(
        |(number, code, words, sum)| {
            let mut line = number.map_or_else(String::new, |number| format!("N{number} "));
            line.push_str(&code);
            for word in words {
                line.push(' ');
                line.push_str(&word);
            }
            line + &sum.map_or_else(String::new, |sum| format!("*{sum}"))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_platen_names_is_no_finding(
        a: [u8; 16], b: [u8; 16], digest: [u8; 32], part in 1u16..99, revision in 1u16..99, wall in 0u64..4_000_000_000_000,
    ) {
        let token = CaseToken::from_entropy(a);
        let (job, id, boot) = (JobId::from_entropy(b), PartId::from_entropy(a), BootId::from_entropy(b));
        let hash = FileHash::from_digest(digest);
        let time = WallTime(wall);
        let name = format!("{token}-{part}-r{revision}-{}.gcode", &hash.as_str()[..8]);
        for text in [
            token.to_string(),
            job.to_string(),
            hash.to_string(),
            time.to_string(),
            hash.as_str()[..32].to_owned(),
            name.clone(),
            format!("case {token}, part {part} ({id}), job {job} of boot {boot} at {time}: {hash}"),
            format!("{token}-{part}-{revision}"),
            format!("platen/v1/site/case/{token}/job/{job}"),
            format!("/p/mk3-07/{name}"),
        ] {
            prop_assert_eq!(find(&text, &known()), vec![], "{}", text);
        }
    }

    #[test]
    fn commands_are_no_finding(lines in proptest::collection::vec(gcode(), 1..6)) {
        let text = lines.join("\n");
        prop_assert_eq!(find(&text, &known()), vec![], "{}", text);
    }

    #[test]
    fn a_comment_behind_a_command_is_read(line in gcode()) {
        for comment in [" ; MRN 4711081", " (Jane)", "; 1960-05-12"] {
            let text = format!("{line}{comment}");
            prop_assert_eq!(find(&text, &known()).len(), 1, "{}", text);
        }
    }

    #[test]
    fn every_text_is_read_to_its_end_and_every_finding_is_of_it(text in "\\PC{0,80}") {
        for found in find(&text, &known()) {
            prop_assert!(text.get(found.at.clone()).is_some_and(|found| !found.is_empty()));
        }
    }

    #[test]
    fn texts_of_other_scripts_are_read_to_their_end(
        text in "[0-9\u{ff10}-\u{ff5e}\u{660}-\u{669}\u{1d400}-\u{1d7ff}\u{410}-\u{45f}\u{391}-\u{3c9}\u{300}\u{200b} .aDec]{0,40}"
    ) {
        for found in find(&text, &whitefield()) {
            prop_assert!(text.get(found.at.clone()).is_some_and(|found| !found.is_empty()));
        }
    }

    #[test]
    fn texts_of_signs_that_identifiers_have_are_read_to_their_end(text in "[0-9.+()/ \\-MayJne@^]{0,60}") {
        for found in find(&text, &known()) {
            prop_assert!(text.get(found.at.clone()).is_some_and(|found| !found.is_empty()));
        }
    }

    #[test]
    fn the_name_of_a_file_is_safe_once_it_is_stripped(name in "(\\PC{0,20}|[A-Za-z0-9_. /-]{0,60}|(Jane|Mueller|4711081|left|femur|v2|[_.-]|1960-05-12){0,12})") {
        let safe = strip_file_name(&name);
        prop_assert_eq!(find(safe.as_str(), &known()), vec![], "{} of {}", safe, name);
        let again = strip_file_name(safe.as_str());
        prop_assert_eq!(&again, &safe);
    }

    #[test]
    fn a_known_name_is_found_between_any_words(before in "[a-z]{0,8}", after in "[a-z]{0,8}", sign in "[ _.,;:+^-]") {
        let text = format!("{before}{sign}Jane{sign}{after}");
        prop_assert!(whats(&text, &known()).contains(&What::Known(Kind::Name)), "{}", text);
    }
}

/// What is found of everybody in words that are of no case.
fn of_no_case(text: &str, names: &[(&str, &str)], ours: &[&str]) -> bool {
    let known: Vec<Known> = names.iter().map(|(name, mrn)| known_as(name, mrn)).collect();
    let everybody = std::sync::Arc::new(Everybody::of(&known));
    Against::Everybody(everybody, Ours::of(ours.iter().copied())).finds(text)
}

const PEOPLE: [(&str, &str); 8] = [
    ("Müller-Lüdenscheidt, Jane Q.", "0047-1108"),
    ("White, Anna", "471109"),
    ("Mai, Lee", "4711"),
    ("Hall, S.", "23 45 67 89"),
    ("Stern, Otto", "1"),
    ("Long, Rose", "2"),
    ("Do, To", "3"),
    ("Chambers, Max", "4"),
];

#[test]
fn in_words_of_no_case_everybody_is_found_by_whole_words_and_whole_numbers() {
    for text in [
        "for Jane",
        "dried for Mueller",
        "LUEDENSCHEIDT",
        "JMueller",
        "jmueller",
        "quincy's spool",
        "spool_of_Jane.Mueller",
        "otto",
        "Anna White's",
        "white, anna",
        "Rose Long",
        "Max Chambers",
        "471108",
        "lot 471109",
        "23-45-67-89",
        "RAD 4455 21",
        "born 12.05.1960",
    ] {
        assert!(of_no_case(text, &PEOPLE, &[]), "{text}");
    }
}

#[test]
fn what_is_said_of_material_and_machines_every_day_names_nobody() {
    for text in [
        "white PLA, matt",
        "a white spool from the long shelf",
        "opened in Mai, used by Lee",
        "it shall be dried",
        "the sternum phantom, and chambers of steel: no, chamber",
        "a long print",
        "what to do: level the bed to max",
        "4711 g left",
        "47 11 08 C on three heaters",
        "dried on 2026-12-01 and on 3.4.2026",
        "lot 120560",
        "hall sensor",
    ] {
        assert!(!of_no_case(text, &PEOPLE, &[]), "{text}");
    }
}

#[test]
fn who_uses_this_platen_may_be_named_and_is_no_patient() {
    assert!(!of_no_case("Jane and Ada Quincy have cleaned it", &PEOPLE, &["jane", "Dr. Ada Quincy"]));
    assert!(of_no_case("Jane Müller has cleaned it", &PEOPLE, &["jane"]), "another Jane");
}
