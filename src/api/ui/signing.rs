//! The words by which `assets/signing.js` lets somebody read what they sign: the keys of the signed text, and what
//! its listed words mean.

use serde_json::{Map, Value};

use super::viewer::Viewer;
use super::words::{Text, cases as words, common, signing as text};

/// Keys of the text that is signed (`domain/quality/signature.rs`).
const KEYS: &[(&str, Text)] = &[
    ("sign", text::WHAT),
    ("case", common::CASE),
    ("intended_use", words::INTENDED_USE),
    ("acceptance", words::AGREED),
    ("parts", words::PARTS),
    ("part", common::PART),
    ("kind", words::KIND),
    ("laterality", words::SIDE),
    ("required", text::REQUIRED),
    ("ordered", words::ORDERED),
    ("quantity", words::QUANTITY),
    ("material", common::MATERIAL),
    ("colour", words::COLOUR),
    ("revision", text::REVISION),
    ("mesh", text::MODEL),
    ("format", text::FORMAT),
    ("unit", words::UNITS_OF),
    ("scale", words::SCALE),
    ("extents", text::SIZE),
    ("triangles", text::TRIANGLES),
    ("signed_volume", text::VOLUME),
    ("mirrored", words::MIRRORED),
    ("modified", words::MODIFIED),
    ("software", words::SOFTWARE),
    ("author", text::AUTHOR),
    ("serial", text::SERIAL),
    ("job", common::JOB),
    ("file", text::FILE),
    ("digest", text::DIGEST),
    ("printer", common::PRINTER),
    ("lots", text::LOTS),
    ("doubts", text::DOUBTS),
    ("inspections", text::INSPECTIONS),
    ("inspection", text::INSPECTION),
    ("id", text::NUMBER),
    ("verdict", text::VERDICT),
    ("processings", text::PROCESSINGS),
    ("reworks", text::REWORKS),
    ("accepted", text::ACCEPTED),
    ("by", text::BY),
    ("why", words::WHY),
    ("nonconformance", text::FAULT),
    ("cause", words::CAUSE),
    ("severity", words::SEVERITY),
    ("what", words::WHAT_IS_WRONG),
];
/// Words of lists.
const LISTED: &[(&str, Text)] = &[
    ("design", words::THE_DESIGN),
    ("part", text::A_PART),
    ("case", text::A_CASE),
    ("concession", words::MEANS_AS_IS),
    ("diagnostic", words::USE_DIAGNOSTIC),
    ("guide", words::GUIDE),
    ("education", words::USE_EDUCATION),
    ("component", words::COMPONENT),
    ("holder", words::HOLDER),
    ("coupon", words::COUPON),
    ("left", words::LEFT),
    ("right", words::RIGHT),
    ("bilateral", words::BILATERAL),
    ("unpaired", words::UNPAIRED),
    ("minor", words::MINOR),
    ("major", words::MAJOR),
    ("critical", words::CRITICAL),
    ("pass", text::PASS),
    ("flag", text::FLAG),
    ("fail", text::FAIL),
    ("dimension", words::CAUSE_DIMENSION),
    ("surface", words::CAUSE_SURFACE),
    ("breakage", words::CAUSE_BREAKAGE),
    ("incomplete", words::CAUSE_INCOMPLETE),
    ("contamination", words::CAUSE_CONTAMINATION),
    ("labelling", words::CAUSE_LABELLING),
    ("machine", words::CAUSE_MACHINE),
    ("handling", words::CAUSE_HANDLING),
    ("other", words::CAUSE_OTHER),
    ("wrong_file", words::CAUSE_FILE),
    ("wrong_material", words::CAUSE_MATERIAL),
    ("wrong_side", words::CAUSE_SIDE),
    ("paused", text::DOUBT_PAUSED),
    ("interrupted", text::DOUBT_INTERRUPTED),
    ("continued", text::DOUBT_CONTINUED),
    ("resumed", text::DOUBT_RESUMED),
    ("not_exact", text::DOUBT_NOT_EXACT),
    ("heat_alarm", text::DOUBT_HEAT_ALARM),
    ("quarantined", text::DOUBT_QUARANTINED),
    ("superseded", text::DOUBT_SUPERSEDED),
];
/// What the script says itself.
const OWN: &[(&str, Text)] = &[
    ("exact_file", text::EXACT_FILE),
    ("no_picture", words::PICTURE_NONE),
    ("none", text::NOT_SAID),
    ("nothing", text::NOTHING),
    ("yes", common::YES),
    ("no", common::NO),
];

/// All of them as JSON, the words of lists behind `=`.
pub fn labels(viewer: &Viewer) -> String {
    let mut all: Map<String, Value> = Map::new();
    for (key, text) in KEYS.iter().chain(OWN) {
        all.insert((*key).to_owned(), viewer.say(*text).into());
    }
    for (word, text) in LISTED {
        all.insert(format!("={word}"), viewer.say(*text).into());
    }
    Value::Object(all).to_string()
}
