//! Takes typed values out of a small TOML file and notes every mistake instead of stopping at the first.

use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use crate::domain::day::Day;

/// A table of codes or rates has some kilobytes; what is longer is another file.
const LONGEST_FILE: usize = 256 << 10;
/// One text of a table: a sentence or a source.
const LONGEST_TEXT: usize = 1_000;

#[derive(Debug)]
pub(super) struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    mistakes: Vec<Mistake>,
}

/// One table of the file and the name that it goes by in messages (empty at the top).
#[derive(Clone, Debug)]
pub(super) struct Section<'t> {
    pub(super) name: String,
    table: &'t DeTable<'t>,
}

impl Section<'_> {
    pub(super) fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{} {key}", self.name) }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }
}

/// Reads one file by `take`; its mistakes go to `mistakes`, and nothing comes back where there was one.
pub(super) fn file<T>(
    (name, text): (&str, &str),
    mistakes: &mut Vec<Mistake>,
    take: impl FnOnce(&mut Reader<'_>, &Section<'_>) -> Option<T>,
) -> Option<T> {
    let mut reader = Reader { file: name, text, mistakes: Vec::new() };
    let taken = if text.len() > LONGEST_FILE {
        reader.note(None, "", format!("the file has more than {LONGEST_FILE} bytes"), "split it by dates");
        None
    } else {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let line = error.span().map(|span| reader.line(span.start));
            let reason = format!("this is not TOML: {}", shown(error.message()));
            reader.note(
                line,
                "",
                reason,
                "write `key = value`, text in \"quotes\", [section] on its own line",
            );
        }
        if errors.is_empty() {
            take(&mut reader, &Section { name: String::new(), table: document.get_ref() })
        } else {
            None
        }
    };
    reader.mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
    let clean = reader.mistakes.is_empty();
    mistakes.append(&mut reader.mistakes);
    taken.filter(|_| clean)
}

/// Fit to be shown: without control characters, and short.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    pub(super) fn note(
        &mut self,
        line: Option<usize>,
        key: impl Into<String>,
        reason: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let (key, reason, instead) = (key.into(), reason.into(), instead.into());
        self.mistakes.push(Mistake { file: self.file.to_owned(), line, key, reason, instead });
    }

    /// Says that the value of a key cannot be, at its line.
    pub(super) fn wrong(
        &mut self,
        section: &Section<'_>,
        key: &str,
        reason: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let line = section.table.get(key).map(|value| self.line(value.span().start));
        self.note(line, section.key(key), reason, instead);
    }

    pub(super) fn unknown_keys(&mut self, section: &Section<'_>, known: &[&str]) {
        for key in section.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let line = Some(self.line(key.span().start));
                let key = section.key(&shown(name));
                self.note(line, key, "there is no such key", format!("known here: {}", known.join(", ")));
            }
        }
    }

    fn get<'a>(
        &mut self,
        section: &Section<'a>,
        key: &str,
        instead: &str,
    ) -> Option<&'a Spanned<DeValue<'a>>> {
        let found = section.table.get(key);
        if found.is_none() {
            self.note(None, section.key(key), "this is missing", instead);
        }
        found
    }

    /// Text that must be there.
    pub(super) fn text(&mut self, section: &Section<'_>, key: &str) -> Option<String> {
        let instead = format!("write {key} = \"…\", 1 to {LONGEST_TEXT} characters in one line");
        let value = self.get(section, key, &instead)?;
        match value.get_ref().as_str() {
            Some(text) if well_formed(text) => Some(text.to_owned()),
            _ => {
                self.wrong(section, key, "this is no text of that length", instead);
                None
            }
        }
    }

    /// Text that must be there, understood by `parse`.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(section, key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(section, key, error.to_string(), format!("correct {key}"));
                None
            }
        }
    }

    pub(super) fn day(&mut self, section: &Section<'_>, key: &str) -> Option<Day> {
        self.parsed(section, key, str::parse)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let given = self.text(section, key)?;
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.wrong(section, key, "there is no such word", format!("write one of {}", known.join(", ")));
        }
        found
    }

    /// A whole number that must be there.
    pub(super) fn number(
        &mut self,
        section: &Section<'_>,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let instead = format!("write {key} = a whole number from {} to {}", range.start(), range.end());
        let value = self.get(section, key, &instead)?;
        let read = match value.get_ref() {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let read = read.filter(|value| range.contains(value));
        if read.is_none() {
            self.wrong(section, key, "this is no whole number in that range", instead);
        }
        read
    }

    /// A list of texts, each understood by `parse`; empty where there is none.
    pub(super) fn list<T, E: std::fmt::Display>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let instead = format!("write {key} = [\"…\", \"…\"]");
        let Some(value) = section.table.get(key) else { return Vec::new() };
        let DeValue::Array(all) = value.get_ref() else {
            self.wrong(section, key, "this is no list of texts", instead);
            return Vec::new();
        };
        let mut taken = Vec::with_capacity(all.len());
        for item in all.iter() {
            let line = Some(self.line(item.span().start));
            match item.get_ref().as_str().map(&parse) {
                Some(Ok(value)) => taken.push(value),
                Some(Err(error)) => self.note(line, section.key(key), error.to_string(), instead.clone()),
                None => self.note(line, section.key(key), "this is no text", instead.clone()),
            }
        }
        taken
    }

    /// The sections `[[key]]`; none where there is none.
    pub(super) fn sections<'a>(&mut self, from: &Section<'a>, key: &str) -> Vec<Section<'a>> {
        let Some(value) = from.table.get(key) else { return Vec::new() };
        let instead = format!("write [[{key}]] in double brackets, once for each");
        let DeValue::Array(all) = value.get_ref() else {
            self.wrong(from, key, "this is no list of sections", instead);
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(all.len());
        for (number, item) in (1..).zip(all.iter()) {
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section { name: format!("{key} #{number}"), table }),
                _ => self.wrong(from, key, "this is a list with something else in it", instead.clone()),
            }
        }
        sections
    }

    /// The texts of the section `[key]`, by their keys.
    pub(super) fn texts(&mut self, from: &Section<'_>, key: &str) -> Vec<(String, String)> {
        let instead = format!("write [{key}] on a line of its own, and lines \"NAME\" = \"…\" below it");
        let Some(value) = self.get(from, key, &instead) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(from, key, "this is no section", instead);
            return Vec::new();
        };
        let section = Section { name: key.to_owned(), table };
        let names: Vec<String> = table.keys().map(|name| name.get_ref().to_string()).collect();
        names
            .into_iter()
            .filter_map(|name| {
                let text = self.text(&section, &name)?;
                Some((name, text))
            })
            .collect()
    }
}

fn well_formed(text: &str) -> bool {
    (1..=LONGEST_TEXT).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
