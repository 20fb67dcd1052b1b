//! Free texts of a thing that was stored, held against what the vault has of its case.
//!
//! Which texts of a thing are free is not listed anywhere: a text is free where any words may stand in its place. So
//! a date that is typed as one, an id, a hash and a word of ours stay what they are, though a patient may be called
//! Left, and be operated on the day on which the part is needed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::pieces::Text;
use super::{Found, Known, What, find};

/// Stands in place of words that may say who a patient is. It fits wherever free words may stand.
pub const HELD_BACK: &str = "(words that may say who a patient is)";

/// Names of users of platen, who sign and are asked: theirs stay, also where a patient has the same one.
const OF_USERS: [&str; 4] = ["by", "mentions", "operators", "printed_name"];

/// What free texts are held against.
#[derive(Debug)]
pub enum Against {
    Known(Known),
    /// What the vault has cannot be read now: nobody can say which words are harmless.
    Everything,
}

impl Against {
    fn finds(&self, text: &str) -> bool {
        match self {
            Self::Known(known) => !known.find(&Text::new(text)).is_empty(),
            Self::Everything => text != HELD_BACK,
        }
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

/// Calls `held` for each free text of a thing that `finds` names, with words in its place.
fn each<T: Serialize + DeserializeOwned>(
    thing: &T,
    finds: impl Fn(&str) -> bool,
    mut held: impl FnMut(&str),
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
                held(&text);
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
    each(thing, |text| against.finds(text), |_| ())
}

/// What of the vault is in the free texts of a thing.
pub fn find_in_words<T: Serialize + DeserializeOwned>(thing: &T, known: &Known) -> Vec<Found> {
    let mut all = Vec::new();
    let finds = |text: &str| !known.find(&Text::new(text)).is_empty();
    let is_known = |found: &Found| matches!(found.what, What::Known(_));
    let _ = each(thing, finds, |text| all.extend(find(text, known).into_iter().filter(is_known)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identifiers::{Entered, Identifiers};
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
        assert_eq!(find_in_words(&posted("the right side"), &known()), []);
        assert_eq!(find_in_words(&posted("Rose is here"), &known()).len(), 1);
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
}
