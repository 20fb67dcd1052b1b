//! The billing codes as dated data: which numbers are valid at a day, what each stands for, and its cap.
//!
//! CPT descriptors belong to the American Medical Association. Shipped are numbers and our own paraphrase; a site
//! that has a licence loads the official texts from a file of its own. See medical-domain.md §1.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

use super::mistake::{Mistake, Mistakes};
use super::read::{self, Reader, Section};
use crate::domain::day::Day;
use crate::domain::ids::text_form;

/// The tables that come with platen, by their names in `config/codes`.
const SHIPPED: [(&str, &str); 2] = [
    ("config/codes/2019-07-01.toml", include_str!("../../config/codes/2019-07-01.toml")),
    ("config/codes/2026-04-01.toml", include_str!("../../config/codes/2026-04-01.toml")),
];

/// A code's five characters: `0559T`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeNumber(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no code number; it has five characters, digits and capital letters, as in 0559T")]
pub struct CodeNumberError {
    given: String,
}

impl CodeNumber {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CodeNumber {
    type Err = CodeNumberError;

    fn from_str(given: &str) -> Result<Self, CodeNumberError> {
        let legal = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        if given.len() == 5 && given.bytes().all(legal) && given.bytes().any(|byte| byte.is_ascii_digit()) {
            Ok(Self(given.to_owned()))
        } else {
            Err(CodeNumberError { given: read::shown(given) })
        }
    }
}

text_form!(CodeNumber, CodeNumberError);

/// What a code counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Components of an anatomical model.
    Model,
    /// Cutting and drilling guides.
    Guide,
}

impl Family {
    pub fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Guide => "guide",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The first one of a case: the base code.
    First,
    /// Each further one: an add-on code, only beside its base code.
    Additional,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Additional => "additional",
        }
    }
}

/// How well a figure of the table is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Read at its source.
    Found,
    /// Concluded from other facts; no source says so.
    Inferred,
    /// Believed, without a source: to be checked before anybody relies on it.
    Memory,
}

impl Certainty {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Found => "read at its source",
            Self::Inferred => "inferred, no source found",
            Self::Memory => "from memory, no source found",
        }
    }
}

const CERTAINTIES: [(&str, Certainty); 3] =
    [("found", Certainty::Found), ("inferred", Certainty::Inferred), ("memory", Certainty::Memory)];

/// The most units of a code for one patient and one date of service (Medicare's MUE, §1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    pub units: u16,
    pub certainty: Certainty,
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub number: CodeNumber,
    pub family: Family,
    pub role: Role,
    /// The base code that an add-on needs beside it.
    pub base: Option<CodeNumber>,
    /// Our own words; never the AMA's.
    pub paraphrase: String,
    /// None where no cap is known.
    pub cap: Option<Cap>,
    pub certainty: Certainty,
    pub source: String,
}

/// All codes of a span of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTable {
    pub file: String,
    pub from: Day,
    /// The last day.
    pub to: Day,
    pub to_certainty: Certainty,
    pub source: String,
    /// What is not to be reported beside these codes (§1.2: renderings).
    pub not_beside: Vec<CodeNumber>,
    /// One for each family and role, so that a lookup always finds one.
    codes: [Code; 4],
}

impl CodeTable {
    pub fn code(&self, family: Family, role: Role) -> &Code {
        let [model_first, model_more, guide_first, guide_more] = &self.codes;
        match (family, role) {
            (Family::Model, Role::First) => model_first,
            (Family::Model, Role::Additional) => model_more,
            (Family::Guide, Role::First) => guide_first,
            (Family::Guide, Role::Additional) => guide_more,
        }
    }

    /// Models first, base codes first.
    pub fn codes(&self) -> &[Code] {
        &self.codes
    }
}

/// Tables without a gap or an overlap, in the order of their days; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTables {
    first: CodeTable,
    later: Vec<CodeTable>,
}

/// The table for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtDay<'t> {
    Valid(&'t CodeTable),
    /// The day is after the last table's end: its codes may be gone (sunset, §1.3).
    Ended(&'t CodeTable),
    /// The day is before the first table: there were no codes yet.
    NotYet(&'t CodeTable),
}

impl CodeTables {
    /// The tables that come with platen.
    pub fn shipped() -> Result<Self, Mistakes> {
        Self::read(SHIPPED)
    }

    /// Reads all files of a site, each with its name; every mistake of every file is told.
    pub fn read<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let mut tables: Vec<CodeTable> = files
            .into_iter()
            .filter_map(|file| read::file(file, &mut mistakes, |r, top| table(file.0, r, top)))
            .collect();
        tables.sort_by_key(|table| table.from);
        for (earlier, later) in tables.iter().zip(tables.iter().skip(1)) {
            let expected = earlier.to.next();
            if Some(later.from) == expected {
                continue;
            }
            let kind = if later.from <= earlier.to { "overlaps with" } else { "leaves a gap after" };
            mistakes.push(Mistake {
                file: later.file.clone(),
                line: None,
                key: "valid_from".into(),
                reason: format!("{} {kind} {}, which ends on {}", later.from, earlier.file, earlier.to),
                instead: "let each table begin on the day after the one before it ends".into(),
            });
        }
        let mut tables = tables.into_iter();
        let first = tables.next();
        if first.is_none() && mistakes.is_empty() {
            mistakes.push(Mistake {
                file: "config/codes".into(),
                line: None,
                key: String::new(),
                reason: "there is no table of codes".into(),
                instead: "put back the files that came with platen, or leave the folder's key out".into(),
            });
        }
        match first {
            Some(first) if mistakes.is_empty() => Ok(Self { first, later: tables.collect() }),
            _ => Err(Mistakes(mistakes)),
        }
    }

    pub fn at(&self, day: Day) -> AtDay<'_> {
        match self.all().filter(|table| table.from <= day).last() {
            Some(table) if day <= table.to => AtDay::Valid(table),
            Some(table) => AtDay::Ended(table),
            None => AtDay::NotYet(&self.first),
        }
    }

    /// In the order of their days.
    pub fn all(&self) -> impl Iterator<Item = &CodeTable> {
        std::iter::once(&self.first).chain(&self.later)
    }

    fn knows(&self, number: &str) -> bool {
        self.all().flat_map(CodeTable::codes).any(|code| code.number.as_str() == number)
    }
}

fn table(file: &str, reader: &mut Reader<'_>, top: &Section<'_>) -> Option<CodeTable> {
    reader
        .unknown_keys(top, &["valid_from", "valid_to", "valid_to_certainty", "source", "not_beside", "code"]);
    let (from, to) = (reader.day(top, "valid_from"), reader.day(top, "valid_to"));
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        reader.wrong(
            top,
            "valid_to",
            "this is before valid_from",
            "write the last day on which the table holds",
        );
    }
    let to_certainty = reader.word(top, "valid_to_certainty", &CERTAINTIES);
    let source = reader.text(top, "source");
    let not_beside = reader.list(top, "not_beside", str::parse::<CodeNumber>);
    let sections = reader.sections(top, "code");
    let mut codes: BTreeMap<(Family, Role), Code> = BTreeMap::new();
    let mut complete = true;
    for section in &sections {
        let Some(code) = code(reader, section) else {
            complete = false;
            continue;
        };
        if let Some(same) = codes.values().find(|other| other.number == code.number) {
            let reason = format!("{} stands here twice", same.number);
            reader.wrong(section, "number", reason, "leave one of them out");
        }
        let place = (code.family, code.role);
        if let Some(other) = codes.get(&place) {
            let reason =
                format!("{} is the {} {} code already", other.number, place.1.word(), place.0.word());
            reader.wrong(section, "role", reason, "a table has one base and one add-on code for each family");
            continue;
        }
        codes.insert(place, code);
    }
    if complete {
        for family in [Family::Model, Family::Guide] {
            for role in [Role::First, Role::Additional] {
                if !codes.contains_key(&(family, role)) {
                    let reason = format!("there is no {} {} code", role.word(), family.word());
                    reader.note(None, "code", reason, "write a [[code]] for it");
                }
            }
            let base = codes.get(&(family, Role::First)).map(|code| code.number.clone());
            let (Some(base), Some(more)) = (base, codes.get(&(family, Role::Additional))) else { continue };
            if more.base.as_ref().is_some_and(|given| *given != base) {
                let key = format!("code {} base", more.number);
                reader.note(
                    None,
                    key,
                    format!("its base code is not {base}"),
                    format!("write base = \"{base}\""),
                );
            }
        }
    }
    let mut take = |family, role| codes.remove(&(family, role));
    Some(CodeTable {
        file: file.to_owned(),
        from: from?,
        to: to?,
        to_certainty: to_certainty?,
        source: source?,
        not_beside,
        codes: [
            take(Family::Model, Role::First)?,
            take(Family::Model, Role::Additional)?,
            take(Family::Guide, Role::First)?,
            take(Family::Guide, Role::Additional)?,
        ],
    })
}

fn code(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Code> {
    const KNOWN: [&str; 10] = [
        "number",
        "family",
        "role",
        "base",
        "paraphrase",
        "cap",
        "cap_certainty",
        "cap_source",
        "certainty",
        "source",
    ];
    reader.unknown_keys(section, &KNOWN);
    let number = reader.parsed(section, "number", str::parse::<CodeNumber>);
    let family = reader.word(section, "family", &[("model", Family::Model), ("guide", Family::Guide)]);
    let role = reader.word(section, "role", &[("first", Role::First), ("additional", Role::Additional)]);
    let base = match (role, section.has("base")) {
        (Some(Role::Additional), _) => reader.parsed(section, "base", str::parse::<CodeNumber>),
        (Some(Role::First), true) => {
            reader.wrong(section, "base", "a base code has no base code", "leave this out");
            None
        }
        _ => None,
    };
    let paraphrase = reader.text(section, "paraphrase");
    let cap = if section.has("cap") {
        let units = reader.number(section, "cap", 1..=999).and_then(|units| u16::try_from(units).ok());
        let certainty = reader.word(section, "cap_certainty", &CERTAINTIES);
        let source = reader.text(section, "cap_source");
        units.zip(certainty).zip(source).map(|((units, certainty), source)| Cap { units, certainty, source })
    } else {
        for key in ["cap_certainty", "cap_source"] {
            if section.has(key) {
                reader.wrong(
                    section,
                    key,
                    "there is no cap that this is about",
                    "write cap = …, or leave this out",
                );
            }
        }
        None
    };
    let certainty = reader.word(section, "certainty", &CERTAINTIES);
    let source = reader.text(section, "source");
    Some(Code {
        number: number?,
        family: family?,
        role: role?,
        base,
        paraphrase: paraphrase?,
        cap,
        certainty: certainty?,
        source: source?,
    })
}

/// The official texts that a site has loaded, with the licence that lets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptors {
    pub licence: String,
    texts: BTreeMap<CodeNumber, String>,
}

impl Descriptors {
    pub fn read(file: (&str, &str), tables: &CodeTables) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let read = read::file(file, &mut mistakes, |reader, top| {
            reader.unknown_keys(top, &["licence", "text"]);
            let licence = reader.text(top, "licence");
            let mut texts = BTreeMap::new();
            for (name, text) in reader.texts(top, "text") {
                let number = name.parse::<CodeNumber>().ok().filter(|_| tables.knows(&name));
                match number {
                    Some(number) => {
                        texts.insert(number, text);
                    }
                    None => {
                        let key = format!("text {}", read::shown(&name));
                        reader.note(
                            None,
                            key,
                            "no table has this code",
                            "correct the number, or leave it out",
                        );
                    }
                }
            }
            Some(Self { licence: licence?, texts })
        });
        match read {
            Some(read) if mistakes.is_empty() => Ok(read),
            _ => Err(Mistakes(mistakes)),
        }
    }

    pub fn of(&self, number: &CodeNumber) -> Option<&str> {
        self.texts.get(number).map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
