//! The guard on the ways out: what in a text looks like it says who a patient is.
//!
//! It is held against names of files, free texts (names of parts, comments, messages), labels and exports before they
//! leave. It knows two things: the identifiers of the case as the vault has them (`Known`), or of all cases for words
//! that are of none (`Everybody`), in the ways in which people and programs commonly write them, and what identifiers
//! look like in general, after the 18 classes of the medical reference, §3.5. It says what it found and where, and
//! never the text.
//!
//! What a program cannot know it does not find: a name that the vault does not have, one that is shortened or spelt
//! wrongly, a day in words, a town, a rare diagnosis, a face. It is the second fence. The first is that what leaves is
//! built from ids, numbers and words of ours.
//!
//! What platen writes itself is no finding: tokens, ids, hashes, its times, its names of files, and commands of
//! G-code. Of those a known number is still found where it stands alone.

mod common;
mod days;
mod held;
mod known;
mod patterns;
mod pieces;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

pub use held::{Against, HELD_BACK, InField, find_in_name, find_in_words, hold_back};
pub use known::{Everybody, Known, Ours};
pub use words::{SafeName, strip_file_name};

use super::identifiers::Kind;
use pieces::{Text, find_in_plain};

/// What a place in a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It is what the vault has of this case.
    Known(Kind),
    Email,
    Link,
    /// The address of a machine.
    Address,
    /// The id of a study, a series or an image.
    DicomUid,
    SocialSecurity,
    Phone,
    /// A date that tells more than the year.
    Date,
    /// Over 89 years, which few people are.
    Age,
    /// A number behind a word such as MRN.
    Labelled,
    /// Letters with a long number, as studies and samples have them.
    Accession,
    LongNumber,
    /// A title with a name, or a name as DICOM writes it.
    PersonName,
}

impl What {
    pub fn words(self) -> &'static str {
        match self {
            Self::Known(kind) => kind.words(),
            Self::Email => "an e-mail address",
            Self::Link => "a link",
            Self::Address => "a network address",
            Self::DicomUid => "a DICOM UID",
            Self::SocialSecurity => "a social security number",
            Self::Phone => "a phone number",
            Self::Date => "a date with its day or month",
            Self::Age => "an age over 89",
            Self::Labelled => "a record number or a birthday behind its label",
            Self::Accession => "an accession number",
            Self::LongNumber => "a long number, as patients and accounts have them",
            Self::PersonName => "a person's name",
        }
    }
}

/// One finding: what, and which bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub what: What,
    pub at: Range<usize>,
}

/// A text that is held back. The words say what was found and where, and never the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak(pub Vec<Found>);

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this text may say who a patient is: it has what looks like ")?;
        for (n, found) in self.0.iter().enumerate() {
            let between = if n == 0 { "" } else { ", and " };
            write!(
                f,
                "{between}{} at characters {} to {}",
                found.what.words(),
                found.at.start + 1,
                found.at.end
            )?;
        }
        f.write_str("; take it out, and name the case by its token")
    }
}

impl std::error::Error for Leak {}

/// What in `text` may say who a patient is, in the order of the text. Nothing found is no proof that nothing is there.
pub fn find(text: &str, known: &Known) -> Vec<Found> {
    let all = find_in_plain(text, |text: &Text<'_>| {
        let mut all = known.find(text);
        all.extend(patterns::find(text));
        all
    });
    // What is believed first stands first.
    let mut kept: BTreeMap<usize, Found> = BTreeMap::new();
    for found in all {
        let before = kept.range(..found.at.end).next_back();
        if before.is_none_or(|(_, before)| before.at.end <= found.at.start) {
            kept.insert(found.at.start, found);
        }
    }
    kept.into_values().collect()
}

/// The text where nothing was found in it.
pub fn pass<'a>(text: &'a str, known: &Known) -> Result<&'a str, Leak> {
    let found = find(text, known);
    if found.is_empty() { Ok(text) } else { Err(Leak(found)) }
}

/// What is found in the texts and keys of a JSON document, each with its place as a JSON pointer in which keys that
/// are findings themselves do not stand. Numbers are left out: a field that is a number was chosen by us.
pub fn find_in_json(value: &serde_json::Value, known: &Known) -> Vec<(String, Found)> {
    let mut all = Vec::new();
    walk(value, known, String::new(), &mut all);
    all
}

fn walk(value: &serde_json::Value, known: &Known, place: String, all: &mut Vec<(String, Found)>) {
    use serde_json::Value;
    match value {
        Value::String(text) => all.extend(find(text, known).into_iter().map(|found| (place.clone(), found))),
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                walk(item, known, format!("{place}/{n}"), all);
            }
        }
        Value::Object(fields) => {
            for (n, (key, value)) in fields.iter().enumerate() {
                let in_key = find(key, known);
                let name = if in_key.is_empty() { key.clone() } else { format!("(field {n})") };
                let place = format!("{place}/{name}");
                all.extend(in_key.into_iter().map(|found| (place.clone(), found)));
                walk(value, known, place, all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
