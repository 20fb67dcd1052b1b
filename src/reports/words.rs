//! Words in reports: those of people only where the guard lets them pass, and our own for the domain's terms.

use serde::Serialize;

use crate::domain::moment::WallTime;
use crate::domain::privacy::{Known, pass};

pub use crate::domain::privacy::HELD_BACK;
use crate::domain::quality::words::Words;

/// What a person wrote, unless it looks as if it said who a patient is. What the vault has of the case was held back
/// before: the lab and the entries that a report is made from come without it.
pub fn said(text: &str) -> String {
    pass(text, &Known::none()).unwrap_or(HELD_BACK).to_owned()
}

pub fn said_of<const MAX: usize>(words: Option<&Words<MAX>>) -> Option<String> {
    words.map(|words| said(words.as_str()))
}

/// The word under which a term is stored, as in `non_clinician`.
pub fn term(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The same for people: `non clinician`.
pub fn plain(of: &impl Serialize) -> String {
    term(of).replace('_', " ")
}

/// The field that tells the variants of a term apart, as in `daemon_ended`.
pub fn tag(of: &impl Serialize, field: &str) -> String {
    let value = serde_json::to_value(of).unwrap_or_default();
    value.get(field).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// `2026-11-29 16:03:21` of `2026-11-29T16:03:21.000Z`: for tables, whose head says UTC.
pub fn moment(at: WallTime) -> String {
    at.to_string().get(..19).unwrap_or_default().replace('T', " ")
}

pub fn maybe(at: Option<WallTime>) -> String {
    at.map(moment).unwrap_or_default()
}

/// `3 d 4 h`, `4 h 10 min`, `10 min`, `12 s`
pub fn long(millis: u64) -> String {
    let seconds = millis / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Tenths of a percent: `93.3 %`.
pub fn percent(permille: Option<u64>) -> String {
    permille.map_or_else(|| "–".into(), |permille| format!("{}.{} %", permille / 10, permille % 10))
}

/// `12.034 g`
pub fn grams(milligrams: u64) -> String {
    format!("{}.{:03} g", milligrams / 1_000, milligrams % 1_000)
}

pub fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_may_say_who_a_patient_is_are_held_back_and_others_are_not() {
        assert_eq!(said("left ventricle"), "left ventricle");
        assert_eq!(said("MRN 4711081"), HELD_BACK);
    }

    #[test]
    fn amounts_are_written_as_people_read_them() {
        let spans = [59_999, 600_000, 15_000_000, 273_600_000].map(long);
        assert_eq!(spans, ["59 s", "10 min", "4 h 10 min", "3 d 4 h"]);
        assert_eq!(
            (percent(Some(933)), percent(None), grams(12_034)),
            ("93.3 %".into(), "–".into(), "12.034 g".into())
        );
        assert_eq!(moment(WallTime(1_775_001_600_000)), "2026-04-01 00:00:00");
    }
}
