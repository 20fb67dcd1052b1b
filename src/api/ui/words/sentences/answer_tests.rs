//! What a person at the page can be refused, or be told about a file, has German: read from where it is said.
//!
//! A template is taken from the source, its holes are filled with samples, and what comes of it is told as the page's
//! answers are: what is wrong and what to do, each by itself.

use super::tests::{is_german, sources};
use super::*;
use crate::domain::quality::{Hindrance, What};
use crate::gcode::commands::TABLE;
use std::path::Path;

fn source(path: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    // A quote by itself begins no text.
    text.split("#[cfg(test)]").next().unwrap().replace("'\"'", "''")
}

/// What a literal of the source says, from behind its opening quote, and what stands behind it.
fn literal(rest: &str) -> Option<(String, &str)> {
    let (mut text, mut letters) = (String::new(), rest.char_indices().peekable());
    loop {
        match letters.next()? {
            (at, '"') => return Some((text, &rest[at + 1..])),
            (_, '\\') => match letters.next()?.1 {
                '\n' => while letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {},
                letter => text.push(letter),
            },
            (_, letter) => text.push(letter),
        }
    }
}

/// What `#[error("…")]` says, all of a file.
fn errors(path: &str) -> Vec<String> {
    let text = source(path);
    let of = |piece: &str| Some(literal(piece.trim_start().strip_prefix('"')?)?.0);
    text.split("#[error(").skip(1).filter_map(of).collect()
}

/// Words of a hole, by its name and by the words before it.
fn sample(hole: &str, before: &str) -> &'static str {
    let after = |words: &str| before.ends_with(words);
    match hole {
        "otherwise" => " (x7)",
        "" if before.ends_with(")") => ": it said `x7`",
        "what" if after("it is ") => "a picture",
        _ if after("not recorded: ") || after("journal yet: ") => "the disk of /a is full",
        "what" if before.is_empty() => "lot 01ab",
        "0" if after("there is no ") && !before.contains("process") => "lot 01ab",
        "0" if after("there is a ") || after("nothing to sign for ") || after("is said of ") => "lot 01ab",
        "0" if before.is_empty() => "lot 01ab",
        "1" if before.ends_with("may have; ") => "add another part",
        "illegal" => "released, so it cannot be blocked; use another lot",
        "todo" => "use another lot",
        "state" | "loaded" if after("it is ") => "in production",
        "state" => "printing",
        "verdict" => "fail",
        "wanted" if after("it cannot be ") => "cancelled",
        "wanted" if after("it cannot ") => "print",
        "" if after(" lacks ") && before.contains("checklist") => "vat seated and locked, cover closed",
        "" if after(" lacks ") => "its kind, a part",
        "error" if after("makes no sense: ") => "it takes no resin",
        "thing" => "film",
        "" if after("are released: ") || after("are delivered: ") => "1 of 2 of part 3",
        "" if after("an extra look, since ") => "it was paused, there was a heat alarm",
        "" if after("printer {printer}: ") => "it names no material: queue it with one",
        "" if before.starts_with("lot {lot} ") => "is consumed",
        "" if after(" is ") && before.contains("case {case} is ") => "released",
        "" if after("begins: ") => "the configuration says so of guides",
        "why" if after("waits for ") => "material",
        "why" if after("quarantine: ") => "its board was not recognised",
        "why" if after("after a ") => "emergency stop",
        "why" if after("printer {printer}: ") => "the printer asks nothing",
        "does" => "homes",
        "why" if after("it ") => "homes",
        "why" if after("` ") => "heats without a plain number behind a letter",
        "role" | "needs" | "is" => "operator",
        _ => "x7",
    }
}

/// A template with its holes filled.
fn filled_in(template: &str) -> String {
    let (mut text, mut rest, mut before) = (String::new(), template, String::new());
    while let Some((fixed, after)) = rest.split_once('{') {
        text.push_str(fixed);
        before.push_str(fixed);
        let Some((hole, after)) = after.split_once('}') else { break };
        let name = hole.split(':').next().unwrap();
        text.push_str(sample(name, &before));
        before.push_str(&format!("{{{hole}}}"));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// What of it has no German.
fn without(sentence: &str) -> Option<String> {
    std::panic::catch_unwind(|| is_german(sentence)).is_err().then(|| sentence.to_owned())
}

/// As a problem has it: what is wrong, and what to do.
fn lacking(words: &str) -> Vec<String> {
    let (detail, help) = words.split_once("; ").unwrap_or((words, ""));
    [detail, help].into_iter().filter(|text| !["", "x7"].contains(text)).filter_map(without).collect()
}

fn all_german(lacking: &[String]) {
    assert!(lacking.is_empty(), "{} have no German:\n{}", lacking.len(), lacking.join("\n"));
}

/// What only programs and whoever keeps the machine meet.
const NOT_AT_THE_PAGE: &[&str] = &[
    "the Authorization header",
    "the API key is none",
    "the name or the password is wrong: the name is its owner's",
    "the nonce of the digest",
    "people are set up here already",
    "nobody is set up here yet",
    "was to become admin at this machine",
    "platen could not start a thread",
    "what is signed is named like",
    "the vault's key",
    "the form has",
    "processes.toml",
    "the store's entry",
    "{state}, so it cannot be",
    "{0}",
];

#[test]
fn whatever_a_person_is_refused_has_german() {
    let files = [
        "src/domain/quality/refusal.rs",
        "src/domain/lab.rs",
        "src/domain/resin.rs",
        "src/domain/resin/need.rs",
        "src/domain/ids.rs",
        "src/domain/day.rs",
        "src/domain/moment.rs",
        "src/domain/part.rs",
        "src/domain/photo.rs",
        "src/domain/identifiers.rs",
        "src/domain/quality/order.rs",
        "src/domain/quality/printed.rs",
        "src/domain/quality/assessment.rs",
        "src/domain/quality/confirmation.rs",
        "src/domain/quality/words.rs",
        "src/domain/people/mod.rs",
        "src/domain/people/name.rs",
        "src/domain/people/notices.rs",
        "src/domain/people/password.rs",
        "src/domain/people/lockout.rs",
        "src/domain/people/roles.rs",
        "src/domain/people/sessions.rs",
        "src/domain/people/signing.rs",
        "src/services/access.rs",
        "src/services/entrance.rs",
        "src/services/fleet.rs",
        "src/services/intake.rs",
        "src/services/commissioning.rs",
        "src/services/suits.rs",
        "src/services/slicejobs.rs",
        "src/services/preview.rs",
        "src/services/resume.rs",
        "src/services/recorder.rs",
        "src/io/spool.rs",
        "src/io/ttys.rs",
        "src/gcode/commands.rs",
        "src/gcode/survey.rs",
        "src/gcode/test_print.rs",
        "src/preview/mod.rs",
        "src/slicing/failure.rs",
        "src/model/limits.rs",
        "src/api/quality/shapes/mod.rs",
        "src/api/quality/shapes/parts.rs",
    ];
    let (mut lacks, mut seen) = (Vec::new(), 0);
    for file in files {
        for template in errors(file) {
            if NOT_AT_THE_PAGE.iter().any(|words| template.contains(words)) && template.len() > 3 {
                continue;
            }
            if template.starts_with('{') && template.len() < 18 {
                // Another error's words.
                continue;
            }
            let template = match file.ends_with("identifiers.rs") {
                true => template.replacen("{} ", "the patient's name ", 1),
                false => template,
            };
            lacks.extend(lacking(&filled_in(&template)));
            seen += 1;
        }
    }
    assert!(seen > 200, "only {seen} are looked at");
    all_german(&lacks);
}

#[test]
fn whatever_is_found_in_a_file_or_a_model_has_german_with_its_cure() {
    let mut lacks = Vec::new();
    for file in ["src/gcode/preflight.rs", "src/model/mod.rs", "src/model/scale.rs"] {
        let text = source(file);
        let mut rest = text.as_str();
        while let Some((code, after)) = rest.split_once('"') {
            let (said, behind) = literal(after).unwrap();
            // Comments have quotes of their own kind; words of the slicer's are no sentences.
            let is_comment = code.rsplit('\n').next().unwrap().trim_start().starts_with("//");
            rest = behind;
            let words = said.split(' ').count();
            let is_joint = ["{} mm", "{what}: {mistake}", "{who} goes", "{name} is left", "plate of"];
            if !is_comment && words > 3 && !is_joint.iter().any(|joint| said.starts_with(joint)) {
                let said = said.replace("{words}, or the other way round", "metres taken for millimetres");
                lacks.extend(without(&filled_in(&said)));
            }
        }
    }
    for said in [
        "the head goes to X 250.00 mm; this printer has 0 to 200 mm",
        "filament goes to Z 250.00 mm; this printer has 0 to 200 mm",
        "the bed is left at 60 °C at the end",
        "the chamber is left at 60 °C at the end",
        "the print is 25.4 mm tall, the approved model 1.0 mm: inches taken for millimetres, or the other way round",
    ] {
        lacks.extend(without(said));
    }
    all_german(&lacks);
}

#[test]
fn every_code_of_the_gates_document_is_said_where_the_sentences_were_read() {
    let gate = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gate.md")).unwrap();
    let said = source("src/gcode/preflight.rs") + &source("src/services/gate/resin.rs");
    let codes = gate.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let codes: Vec<&str> = codes
        .filter(|(_, rest)| rest.starts_with("error") || rest.starts_with("warning"))
        .map(|(code, _)| code)
        .collect();
    assert!(codes.len() > 30, "{codes:?}");
    for code in codes {
        assert!(said.contains(&format!("\"{code}\"")), "{code}");
    }
}

#[test]
fn what_each_command_of_the_table_does_has_german() {
    let lacks: Vec<String> = TABLE.iter().filter_map(|rule| without(rule.does)).collect();
    all_german(&lacks);
}

#[test]
fn every_kind_of_problem_that_a_page_can_meet_has_a_german_title() {
    let mut all = String::new();
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    for entry in std::fs::read_dir(&api).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("compat") => {}
            true => sources(&path, &mut all),
            false => all.push_str(&std::fs::read_to_string(path).unwrap()),
        }
    }
    let after_status = all
        .split("StatusCode::")
        .skip(1)
        .filter_map(|rest| Some(literal(rest.split_once(',')?.1.trim_start().strip_prefix('"')?)?.0));
    let in_table = all
        .split("=> \"")
        .skip(1)
        .filter_map(|rest| Some(literal(rest)?.0))
        .filter(|slug| slug.contains('-'));
    let slugs: std::collections::BTreeSet<String> = after_status.chain(in_table).collect();
    let is_slug = |slug: &&String| slug.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
    let lacks: Vec<String> = slugs
        .iter()
        .filter(is_slug)
        .filter_map(|slug| {
            let title = crate::api::Problem::new(axum::http::StatusCode::CONFLICT, slug, "", "").title;
            (!known::TITLES.iter().any(|(english, _)| *english == title)).then_some(title)
        })
        .collect();
    assert!(slugs.len() > 100, "{slugs:?}");
    all_german(&lacks);
}

#[test]
fn whatever_hinders_a_resin_job_and_whatever_is_looked_at_before_one_has_german() {
    use crate::domain::quality::lot::Unusable;
    use crate::domain::resin::outfit::{Item, listed};
    use crate::domain::resin::start::Hindrance;
    use crate::domain::resin::wear::{Reached, Wear};
    use crate::domain::units::Microlitres;
    let (ml, job) = (Microlitres(59_163), || "01ab000000000000".parse().unwrap());
    let worn = || Wear::of(1_200, Some(1_000), 90);
    let all = [
        Hindrance::NoResinPrinter,
        Hindrance::NeedUnknown,
        Hindrance::NeedUnsaid,
        Hindrance::VatEmpty,
        Hindrance::NoMaterialNamed,
        Hindrance::WrongMaterial { holds: "clear resin".into(), wanted: "tough resin".into() },
        Hindrance::Unusable {
            lot: "01ab000000000000".parse().unwrap(),
            supplier_lot: "L-1".into(),
            why: Unusable::Consumed,
        },
        Hindrance::TooLittle { gives: ml, needs: ml },
        Hindrance::VatTooSmall { room: ml, needs: ml },
        Hindrance::ResinTooOld { days: 17, may: 14 },
        Hindrance::Debris { job: job() },
        Hindrance::DisplayOverdue { wear: worn() },
        Hindrance::FilmOverdue { wear: worn() },
        Hindrance::ChecklistNeeded { items: Item::ALL.into() },
        Hindrance::ChecklistOld,
        Hindrance::CoverOpen,
        Hindrance::CoverNotTold,
    ];
    let mut lacks = Vec::new();
    for hindrance in &all {
        lacks.extend(without(&hindrance.to_string()));
        let words = format!("job 01ab cannot begin on printer mk3: {hindrance}; see to it, then try again");
        lacks.extend(lacking(&words));
    }
    let two = format!("job 01ab cannot begin on printer mk3: {}; {}", all[2], all[12]);
    lacks.extend(without(&two));
    lacks.extend(Item::ALL.iter().filter_map(|item| without(item.in_words())));
    lacks.extend(without(&listed(&Item::ALL)));
    let reached = [Reached::DisplayWorn, Reached::DisplayOverdue, Reached::FilmWorn, Reached::FilmOverdue];
    lacks.extend(reached.iter().filter_map(|reached| without(reached.in_words())));
    all_german(&lacks);
}

/// What stands between these words and the end of the function that begins with them.
fn body<'s>(source: &'s str, begin: &str) -> &'s str {
    let (_, body) = source.split_once(begin).unwrap_or_else(|| panic!("{begin} is no function any more"));
    body.split("\n    }\n").next().unwrap_or(body)
}

#[test]
fn whatever_a_printer_and_its_display_cannot_do_now_has_german() {
    let (mut lacks, mut seen) = (Vec::new(), 0);
    for template in errors("src/control/session.rs") {
        // What it is at is said with what was wanted of it: see the refusals of the fleet.
        if template != "the printer is {state}" {
            let words = filled_in(&template);
            lacks.extend(without(&words));
            lacks.extend(without(&format!("printer mk3 cannot begin: {words}")));
            lacks.extend(without(&format!("printer mk3: {words}")));
            seen += 1;
        }
    }
    assert!(seen > 12, "only {seen} are looked at");
    let display = source("src/services/masks.rs");
    let printer = source("src/services/printer.rs");
    let mut all = said_in(body(&display, "async fn load("));
    all.extend(said_in(body(&printer, "fn begin_lit(")));
    assert!(all.len() > 4, "{all:?}");
    all.retain(|said| said != "masks loaded");
    for said in &all {
        let words = filled_in(said);
        lacks.extend(lacking(&words));
        lacks.extend(without(&format!(
            "printer mk3 cannot begin: {words}; look at it, do its checklist, then start the job again"
        )));
    }
    lacks.extend(without("it is offline: its display cannot be had: it is being opened"));
    all_german(&lacks);
}

#[test]
fn why_a_layer_loop_cannot_follow_a_file_and_what_a_resin_file_lacks_has_german() {
    let mut lacks = Vec::new();
    for file in ["resin/src/exposure/plan.rs", "src/services/resinfiles.rs", "src/services/chitu/print.rs"] {
        let all = errors(file);
        assert!(!all.is_empty(), "{file}");
        for template in all {
            lacks.extend(lacking(&filled_in(&template.replace("{{pwm}}", "x7"))));
        }
    }
    let of_gate = said_in(&source("src/services/gate/resin.rs"));
    assert!(of_gate.len() > 3, "{of_gate:?}");
    lacks.extend(of_gate.iter().filter_map(|said| without(&filled_in(said))));
    all_german(&lacks);
}

/// What a function of the source says in one way or another: `format!("…")`, `"…".to_owned()`.
fn said_in(text: &str) -> Vec<String> {
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some((code, after)) = rest.split_once('"') {
        let Some((said, behind)) = literal(after) else { break };
        let is_comment = code.rsplit('\n').next().unwrap_or_default().trim_start().starts_with("//");
        rest = behind;
        if !is_comment && said.split(' ').count() > 3 {
            all.push(said);
        }
    }
    all
}

#[test]
fn whatever_is_found_in_a_file_for_resin_has_german_with_its_cure() {
    let mut lacks = Vec::new();
    let mut seen = 0;
    // Joints of longer ones, and what stands in a hole; all of them are said whole below.
    let joints = [
        "{kind} {} is lit",
        "it takes {all",
        ": refill before",
        "that the vat",
        "that are in",
        "{words}, and so",
        "its pictures are {}",
        "mirrored along X and Y",
    ];
    for said in said_in(&source("resin/src/check.rs")) {
        if !joints.iter().any(|joint| said.starts_with(joint)) {
            lacks.extend(without(&filled_in(&said)));
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} are looked at");
    for said in [
        "bottom layer 1 is lit for 20 s, and the resin takes 25 s to 40 s",
        "layer 9 is lit for 20 s, and the resin takes 25 s to 40 s, and so 3 layers more",
        "layer 4 is 0.06 mm thick, and the file says 0.05 mm, and so 1 layer more",
        "its pictures are mirrored along X, and the printer's are not mirrored",
        "it takes 59.2 ml, and of 50.0 ml that the vat holds 20.0 ml have to stay: refill before layer 12",
        "it takes 59.2 ml, and of 50.0 ml that are in the vat now 20.0 ml have to stay",
        "the picture of layer 4 does not match its checksum",
    ] {
        lacks.extend(without(said));
    }
    all_german(&lacks);
}

#[test]
fn what_a_board_asks_that_prints_from_a_stick_has_german() {
    let asked = "Copy the file to the printer's USB stick as P7K3QX2A.CTB, directly in its root and under exactly this \
                 name. It must have 26058253 bytes there. Remove the stick safely, put it into the printer, and confirm.";
    let missing = "P7K3QX2A.CTB is not on the stick (\"no such file\"): put it there, or see whether the right stick is in";
    for said in [asked.to_owned(), format!("{missing}. {asked}"), "It is in".to_owned()] {
        is_german(&said);
    }
    let words =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("resin/src/chitu/deliver.rs"));
    let words = said_in(&words.unwrap());
    assert!(words.iter().any(|said| filled_in(said).replace("x7", "P7K3QX2A.CTB").starts_with(&asked[..40])));
}

#[test]
fn a_things_name_and_what_hinders_a_job_have_german() {
    let printer = "mk3-01".parse().unwrap();
    for what in [
        What::Printer(printer),
        What::Instrument("caliper".parse().unwrap()),
        What::Template("hand".parse().unwrap(), 2),
    ] {
        is_german(&what.to_string());
    }
    for hindrance in [
        Hindrance::NothingLoaded,
        Hindrance::NoMaterialNamed,
        Hindrance::NotAsOrdered { part: 1, ordered: "PLA".into(), wanted: "PETG".into() },
        Hindrance::NotFollowed,
        Hindrance::OtherProcess { planned: "a".into(), sliced: "b".into() },
        Hindrance::NotValidated { process: "a".into() },
        Hindrance::Unqualified,
        Hindrance::CalibrationDue("2026-04-01".parse().unwrap()),
        Hindrance::CalibrationUnknown,
    ] {
        let words = format!("job 01ab cannot begin on printer mk3: {hindrance}; see to it, then try again");
        all_german(&lacking(&words));
    }
}

#[test]
fn what_a_new_printer_is_told_has_german() {
    let text = source("src/api/commissioning/mod.rs");
    let mut lacks = Vec::new();
    for from in ["fn told(", "fn unusual(", "fn hints(", "async fn listed(", "fn window_view("] {
        let (_, body) = text.split_once(from).unwrap();
        let body = body.split("\n}\n").next().unwrap();
        for said in body.split('"').skip(1).step_by(2) {
            if said.split(' ').count() > 2 {
                lacks.extend(without(&filled_in(said)));
            }
        }
    }
    for said in [
        "nothing answers at any of the usual speeds",
        "a printer answers at 115200 baud; a heater of it is on",
        "It is in the configuration. Restart platen when no print is hurt by it: the printer is there then.",
        "Not saved: it has mistakes, and nothing was changed.",
        "this number is out of range (elsewhere in the configuration)",
        "write a whole number of mm from 1 to 1000",
    ] {
        lacks.extend(without(said));
    }
    all_german(&lacks);
}

#[test]
fn the_journals_sentences_have_german() {
    let lacks: Vec<String> = [
        "mk3-07 goes on by kim",
        "kim accepts heat.left_on",
        "kim puts into the vault of case 000000000000q: the patient's name, the medical record number",
        "kim reads the identifiers of case 000000000000q, for billing",
        "kim erases the identifiers of case 000000000000q, since their time is over",
        "ada makes kim operator and inspector instead of operator",
        "kim makes the token 01ab (bench), which is operator",
        "ada disables kim",
        "kim stops mk3-07",
        "kim unlocks mk3-07",
        "what was kept of job 01ab on mk3-07 is wrong: it does not go on after a crash",
        "mk3-07 goes on at layer 3, behind 4 of 9 commands, after 5 s without platen: the part wants an extra look there",
        "file 01ab (9 commands) is queued for printer mk3-07 in PLA; found in it: heat.left_on; kim accepts heat.left_on",
        "the design of case 000000000000q is approved by kim, with the password (digest 0123); mirrored or modified, and meant so: part 1, 4",
        "nonconformance 01ab is decided by kim: use as is, by name alone (digest 0123): thin wall",
        "case 000000000000q is described by kim: a model for ENT, routine; agreed to be taken: no wall below 1 mm",
        "for case 000000000000q, a cost is noted by kim: consumables, gloves",
        "for case 000000000000q, 12 min of segmentation of a clinician is noted by kim",
        "part 1 of case 000000000000q is revised by kim: model 0123, in mm",
        "printed part 000000000000q-1-1 is inspected by ina (Ina Ito, RT) by template hand version 1, as inspection 01ab: pass",
        "lot 01ab of PLA is received by max; it expires on 2027-01-01",
        "lot 01ab is blocked by max: wet",
        "mk3-07 is qualified by max",
        "kim wants job 01ab urgent",
        "kim has job 01ab printed again as 02cd: its print failed",
        "kim says that mk3-07 is away from 2026-12-01T07:00:00Z until 2026-12-02T07:00:00Z",
        "job 01ab will be ready in time again",
        "a file came for mk3-07 as octoprint sends it: part.gcode, 0123",
        "the rules of the site are set by ada: an approval before printing, a qualified printer",
    ]
    .into_iter()
    .filter_map(without)
    .collect();
    all_german(&lacks);
}
