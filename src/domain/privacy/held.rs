//! Free texts of a thing that was stored, held against what the vault has of its case, or of everybody.
//!
//! Which texts of a thing are free is not listed anywhere: a text is free where any words may stand in its place. So
//! a date that is typed as one, an id, a hash and a word of ours stay what they are, though a patient may be called
//! Left, and be operated on the day on which the part is needed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::pieces::find_in_plain;
use super::{Everybody, Found, Known, Ours, What};

/// Stands in place of words that may say who a patient is. It fits wherever free words may stand.
pub const HELD_BACK: &str = "(words that may say who a patient is)";

/// Names of users of platen, who sign and are asked: theirs stay, also where a patient has the same one.
const OF_USERS: [&str; 4] = ["by", "mentions", "operators", "printed_name"];

/// What free texts are held against.
#[derive(Debug)]
pub enum Against {
    /// A case's words: what the vault has of that case.
    Known(Known),
    /// Words that are of no case: what it has of all of them.
    Everybody(Arc<Everybody>, Ours),
    /// What the vault has cannot be read now: nobody can say which words are harmless.
    Everything,
}

impl Against {
    fn find(&self, text: &str) -> Vec<Found> {
        match self {
            Self::Known(known) => find_in_plain(text, |text| known.find(text)),
            Self::Everybody(everybody, ours) => find_in_plain(text, |text| everybody.find(text, ours)),
            Self::Everything => Vec::new(),
        }
    }

    /// Whether a text has to be held back.
    pub fn finds(&self, text: &str) -> bool {
        match self {
            Self::Known(_) | Self::Everybody(..) => !self.find(text).is_empty(),
            Self::Everything => text != HELD_BACK,
        }
    }
}

/// What of the vault is in one field of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InField {
    /// As whoever filled it in calls it: `why`, `items/0/name`.
    pub field: String,
    pub what: BTreeSet<What>,
}

impl InField {
    fn new(place: &str, found: Vec<Found>) -> Self {
        let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<&str> = place.split('/').collect();
        // What is around it is ours; a list is named, so that one can count in it.
        let first = parts.iter().position(|part| !part.is_empty() && is_number(part));
        let from = first.unwrap_or(parts.len()).saturating_sub(1);
        Self { field: parts[from..].join("/"), what: found.into_iter().map(|found| found.what).collect() }
    }
}

/// The places of all texts in a document, but for names of users.
fn texts(value: &Value, place: String, all: &mut Vec<String>) {
    match value {
        Value::String(_) => all.push(place),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| texts(item, format!("{place}/{n}"), all));
        }
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| !OF_USERS.contains(&key.as_str())) {
                texts(value, format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Calls `held` with the place of each free text of a thing that `finds` names, and the text, with words in its place.
fn each<T: Serialize + DeserializeOwned>(
    thing: &T,
    finds: impl Fn(&str) -> bool,
    mut held: impl FnMut(&str, &str),
) -> Option<T> {
    let mut value = serde_json::to_value(thing).ok()?;
    let mut places = Vec::new();
    texts(&value, String::new(), &mut places);
    let mut changed = None;
    for place in places {
        let Some(Value::String(text)) = value.pointer(&place).cloned() else { continue };
        if !finds(&text) {
            continue;
        }
        if let Some(there) = value.pointer_mut(&place) {
            *there = HELD_BACK.into();
        }
        match serde_json::from_value(value.clone()) {
            Ok(thing) => {
                held(&place, &text);
                changed = Some(thing);
            }
            Err(_) => {
                if let Some(there) = value.pointer_mut(&place) {
                    *there = text.into();
                }
            }
        }
    }
    changed
}

/// The thing with its free texts held back where they must be; `None` where none is.
pub fn hold_back<T: Serialize + DeserializeOwned>(thing: &T, against: &Against) -> Option<T> {
    each(thing, |text| against.finds(text), |_, _| ())
}

/// What of the vault is in the free texts of a thing, by its fields; nothing where the vault cannot be read.
pub fn find_in_words<T: Serialize + DeserializeOwned>(thing: &T, against: &Against) -> Vec<InField> {
    let mut all = Vec::new();
    let finds = |text: &str| !against.find(text).is_empty();
    let _ = each(thing, finds, |place, text| all.push(InField::new(place, against.find(text))));
    all
}

/// The same for a name that is given to a thing, in the place of which not any words may stand.
pub fn find_in_name(field: &str, name: &str, against: &Against) -> Option<InField> {
    let found = against.find(name);
    (!found.is_empty()).then(|| InField::new(field, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identifiers::{Entered, Identifiers, Kind};
    use crate::domain::quality::Change;

    fn known() -> Known {
        let entered = Entered {
            name: Some("Left, Rose".into()),
            surgery_at: Some("2026-12-01T07:30".into()),
            ..Entered::default()
        };
        Known::of(&Identifiers::try_from(&entered).unwrap())
    }

    fn change(json: Value) -> Change {
        serde_json::from_value(json).unwrap()
    }

    fn described() -> Change {
        let about = serde_json::json!({"kind": "model", "service": "for Rose", "indication": "left side",
            "needed_by": "2026-12-01", "priority": "routine"});
        change(
            serde_json::json!({"what": "case", "case": "000000000000q", "step": {"is": "described", "about": about}}),
        )
    }

    #[test]
    fn free_words_are_held_back_and_days_ids_and_words_of_ours_stay() {
        let held = hold_back(&described(), &Against::Known(known())).unwrap();
        let json = serde_json::to_value(&held).unwrap();
        let about = &json["step"]["about"];
        assert_eq!(
            (&about["service"], &about["indication"]),
            (&HELD_BACK.into(), &HELD_BACK.into()),
            "{json}"
        );
        assert_eq!((&about["needed_by"], &about["kind"]), (&"2026-12-01".into(), &"model".into()));
        assert_eq!(json["case"], "000000000000q");
    }

    #[test]
    fn what_has_nothing_of_the_vault_stays_as_it_is() {
        let posted = |text: &str| {
            change(serde_json::json!({"what": "case", "case": "000000000000q",
                "step": {"is": "message_posted", "text": text, "mentions": ["rose"]}}))
        };
        assert!(
            hold_back(&posted("the right side"), &Against::Known(known())).is_none(),
            "a user is called rose"
        );
        let known = Against::Known(known());
        assert_eq!(find_in_words(&posted("the right side"), &known), []);
        let what = BTreeSet::from([What::Known(Kind::Name)]);
        assert_eq!(find_in_words(&posted("Rose is here"), &known), [InField { field: "text".into(), what }]);
    }

    #[test]
    fn the_name_in_full_of_who_signs_stays_as_their_login_does() {
        let fact: crate::domain::quality::Fact = serde_json::from_value(serde_json::json!({"by": "rose",
            "printed_name": "Rose Left", "what": "case", "case": "000000000000q", "step": {"is": "accepted"}}))
        .unwrap();
        for against in [Against::Known(known()), Against::Everything] {
            let held = hold_back(&fact, &against).unwrap_or_else(|| fact.clone());
            assert_eq!(held.printed_name, fact.printed_name);
        }
    }

    #[test]
    fn where_the_vault_cannot_be_read_no_free_word_passes() {
        let json = serde_json::to_value(hold_back(&described(), &Against::Everything).unwrap()).unwrap();
        let about = &json["step"]["about"];
        assert_eq!((&about["service"], &about["indication"]), (&HELD_BACK.into(), &HELD_BACK.into()));
        assert_eq!((&about["needed_by"], &json["case"]), (&"2026-12-01".into(), &"000000000000q".into()));
    }

    #[test]
    fn a_field_is_named_as_it_was_filled_in_and_a_list_is_counted() {
        let named = |place| InField::new(place, Vec::new()).field;
        assert_eq!(named("/step/about/supplier_lot"), "supplier_lot");
        assert_eq!(named("/template/items/0/name"), "items/0/name");
        assert_eq!(named("name"), "name");
    }

    /// Every kind of words of ours, and every kind of words that a person may write about no case.
    #[test]
    fn every_free_word_of_a_change_about_no_case_is_looked_at_and_nothing_else_of_it() {
        let names = |name: &str| {
            Known::of(
                &Identifiers::try_from(&Entered { name: Some(name.into()), ..Entered::default() }).unwrap(),
            )
        };
        let everybody = Everybody::of(&[names("Quimby, Jane"), names("Caliper, Qualified")]);
        let against = Against::Everybody(Arc::new(everybody), Ours::default());
        let id = "0123456789abcdef";
        let about = serde_json::json!({"material": "Quimby", "supplier_lot": "Quimby", "supplier": "Quimby",
            "received": "2020-01-01", "expires": "2099-01-01", "certificate": "Quimby", "milligrams": 1});
        let item = serde_json::json!({"name": "Quimby", "unit": "mm", "nominal": 1, "low": 1, "high": 1,
            "weight": "fail"});
        for (json, fields) in [
            (
                serde_json::json!({"what": "lot", "lot": id, "step": {"is": "received", "about": about}}),
                vec!["material", "supplier_lot", "supplier", "certificate"],
            ),
            (
                serde_json::json!({"what": "lot", "lot": id, "step": {"is": "blocked", "why": "Quimby"}}),
                vec!["why"],
            ),
            (
                serde_json::json!({"what": "lot", "lot": id, "step": {"is": "recalled", "why": "Quimby"}}),
                vec!["why"],
            ),
            (
                serde_json::json!({"what": "printer", "printer": "mk", "step": {"is": "withdrawn", "why": "Quimby"}}),
                vec!["why"],
            ),
            (
                serde_json::json!({"what": "instrument", "instrument": {"name": "caliper", "what": "Quimby",
                "calibration_due": "2099-01-01"}}),
                vec!["what"],
            ),
            (
                serde_json::json!({"what": "template", "template": {"name": "caliper", "version": 1, "method": "caliper",
                "items": [item, item]}}),
                vec!["items/0/name", "items/1/name"],
            ),
            (
                serde_json::json!({"what": "nonconformance", "id": id, "step": {"is": "opened",
                "about": {"of": "printer", "printer": "mk"}, "cause": "other", "severity": "minor", "what": "Quimby"}}),
                vec!["what"],
            ),
            (
                serde_json::json!({"what": "nonconformance", "id": id, "step": {"is": "closed", "capa": "Quimby"}}),
                vec!["capa"],
            ),
            (serde_json::json!({"what": "printer", "printer": "mk", "step": {"is": "qualified"}}), vec![]),
        ] {
            let change = change(json);
            let mut found: Vec<_> = find_in_words(&change, &against).into_iter().map(|of| of.field).collect();
            let mut wanted = fields.clone();
            found.sort();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{change:?}");
            let held = hold_back(&change, &against);
            assert_eq!(held.is_some(), !fields.is_empty());
            assert!(!serde_json::to_string(&held).unwrap().contains("Quimby"), "{held:?}");
        }
    }
}
