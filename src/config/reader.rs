//! Takes typed values out of a TOML table and notes what is wrong instead of stopping.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, shown};

/// One value with its place in the file.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) at: At,
}

/// Where a value stands and how it was written: what a mistake about it needs.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) written: String,
}

#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    mistakes: Vec<Mistake>,
}

/// One table of the file: the name that it goes by in messages (empty at the top), and its content.
#[derive(Clone, Debug)]
pub(super) struct Section<'t> {
    pub(super) name: String,
    pub(super) table: &'t DeTable<'t>,
}

impl Section<'_> {
    /// The name of a key in messages.
    pub(super) fn key(&self, key: &str) -> String {
        match (self.name.is_empty(), self.name.ends_with('"')) {
            (true, _) => key.to_owned(),
            (false, true) => format!("{} {key}", self.name),
            (false, false) => format!("{}.{key}", self.name),
        }
    }
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, mistakes: Vec::new() }
    }

    /// All mistakes so far, in the order of the file; what is missing comes last.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        self.mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
        self.mistakes
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    pub(super) fn syntax(&mut self, error: &toml::de::Error) {
        let line = error.span().map(|span| self.line(span.start));
        self.mistakes.push(Mistake {
            line,
            key: String::new(),
            value: None,
            reason: format!("this is not TOML: {}", shown(error.message())),
            instead: "write `key = value`, text in \"quotes\", and [section] on a line of its own".into(),
        });
    }

    pub(super) fn wrong(&mut self, at: &At, reason: impl Into<String>, instead: impl Into<String>) {
        self.mistakes.push(Mistake {
            line: Some(at.line),
            key: at.key.clone(),
            value: Some(at.written.clone()),
            reason: reason.into(),
            instead: instead.into(),
        });
    }

    pub(super) fn missing(&mut self, key: impl Into<String>, instead: impl Into<String>) {
        self.overall(key, "this is missing", instead);
    }

    /// A mistake that stands in no one line.
    pub(super) fn overall(
        &mut self,
        key: impl Into<String>,
        reason: impl Into<String>,
        instead: impl Into<String>,
    ) {
        self.mistakes.push(Mistake {
            line: None,
            key: key.into(),
            value: None,
            reason: reason.into(),
            instead: instead.into(),
        });
    }

    /// Notes every key of a section that nobody reads.
    pub(super) fn unknown_keys(&mut self, section: &Section<'_>, known: &[&str]) {
        for key in section.table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let instead = match nearest(name, known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.mistakes.push(Mistake {
                line: Some(self.line(key.span().start)),
                key: shown(&section.key(name)),
                value: None,
                reason: "there is no such key".into(),
                instead,
            });
        }
    }

    fn find<'a>(&self, section: &Section<'a>, key: &str) -> Option<(&'a DeValue<'a>, At)> {
        let value: &Spanned<DeValue<'a>> = section.table.get(key)?;
        let written = shown(self.text.get(value.span()).unwrap_or_default());
        let at = At { line: self.line(value.span().start), key: section.key(key), written };
        Some((value.get_ref(), at))
    }

    pub(super) fn flag(&mut self, section: &Section<'_>, key: &str) -> Option<Found<bool>> {
        match self.find(section, key)? {
            (DeValue::Boolean(value), at) => Some(Found { value: *value, at }),
            (other, at) => {
                let reason = format!("this is {}, not true or false", kind(other));
                self.wrong(&at, reason, format!("write {key} = true or {key} = false"));
                None
            }
        }
    }

    pub(super) fn text(&mut self, section: &Section<'_>, key: &str) -> Option<Found<String>> {
        match self.find(section, key)? {
            (DeValue::String(text), at) => Some(Found { value: text.clone().into_owned(), at }),
            (other, at) => {
                let reason = format!("this is {}, not text", kind(other));
                self.wrong(&at, reason, format!("write {key} = \"…\" in quotes"));
                None
            }
        }
    }

    pub(super) fn is_list(&self, section: &Section<'_>, key: &str) -> bool {
        matches!(self.find(section, key), Some((DeValue::Array(_), _)))
    }

    /// A command in words; nothing where it is no list of texts.
    pub(super) fn words(&mut self, section: &Section<'_>, key: &str) -> Option<Found<Vec<String>>> {
        let (DeValue::Array(all), at) = self.find(section, key)? else { return None };
        let texts: Option<Vec<_>> =
            all.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
        if texts.is_none() {
            self.wrong(&at, "this is not a list of texts", format!("write {key} = [\"…\", \"…\"]"));
        }
        Some(Found { value: texts?, at })
    }

    /// A list of texts; empty where there is none.
    pub(super) fn texts(&mut self, section: &Section<'_>, key: &str) -> Vec<Found<String>> {
        let Some((value, at)) = self.find(section, key) else { return Vec::new() };
        let instead = format!("write {key} = [\"…\", \"…\"]");
        let DeValue::Array(all) = value else {
            self.wrong(&at, format!("this is {}, not a list of texts", kind(value)), instead);
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(all.len());
        for item in all.iter() {
            match item.get_ref() {
                DeValue::String(text) => {
                    let at = At { line: self.line(item.span().start), written: shown(text), ..at.clone() };
                    texts.push(Found { value: text.clone().into_owned(), at });
                }
                other => {
                    let reason = format!("this is a list with {} in it", kind(other));
                    self.wrong(&at, reason, instead.clone());
                }
            }
        }
        texts
    }

    /// Text that must be there; `instead` says what to write.
    pub(super) fn needed_text(
        &mut self,
        section: &Section<'_>,
        key: &str,
        instead: &str,
    ) -> Option<Found<String>> {
        if !section.table.contains_key(key) {
            self.missing(section.key(key), instead);
        }
        self.text(section, key)
    }

    /// A whole number within `range`, in `unit`.
    pub(super) fn number(
        &mut self,
        section: &Section<'_>,
        key: &str,
        unit: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<Found<u64>> {
        let (value, at) = self.find(section, key)?;
        let instead = format!("write a whole number of {unit} from {} to {}", range.start(), range.end());
        let DeValue::Integer(digits) = value else {
            self.wrong(&at, format!("this is {}, not a whole number", kind(value)), instead);
            return None;
        };
        match u64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(value) if range.contains(&value) => Some(Found { value, at }),
            _ => {
                self.wrong(&at, "this number is out of range", instead);
                None
            }
        }
    }

    /// A number with or without a point within `range`, in `unit`.
    pub(super) fn decimal(
        &mut self,
        section: &Section<'_>,
        key: &str,
        unit: &str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Option<Found<f64>> {
        let (value, at) = self.find(section, key)?;
        let instead = format!("write a number of {unit} from {} to {}", range.start(), range.end());
        let read = match value {
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            DeValue::Integer(digits) => digits.as_str().parse().ok(),
            other => {
                self.wrong(&at, format!("this is {}, not a number", kind(other)), instead);
                return None;
            }
        };
        match read.filter(|value| range.contains(value)) {
            Some(value) => Some(Found { value, at }),
            None => {
                self.wrong(&at, "this number is out of range", instead);
                None
            }
        }
    }

    /// `[from, to]`: two whole numbers within `range`, the lower one first.
    pub(super) fn span(
        &mut self,
        section: &Section<'_>,
        key: &str,
        unit: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<Found<(i64, i64)>> {
        let (value, at) = self.find(section, key)?;
        let instead = format!(
            "write {key} = [LOWEST, HIGHEST], two whole numbers of {unit} from {} to {}",
            range.start(),
            range.end()
        );
        let number = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let both = match value {
            DeValue::Array(all) if all.len() == 2 => {
                all.first().and_then(number).zip(all.get(1).and_then(number))
            }
            _ => None,
        };
        match both {
            Some((low, high)) if low < high && range.contains(&low) && range.contains(&high) => {
                Some(Found { value: (low, high), at })
            }
            Some(_) => {
                self.wrong(&at, "these are out of range, or in the wrong order", instead);
                None
            }
            None => {
                self.wrong(&at, "this is no list of two whole numbers", instead);
                None
            }
        }
    }

    /// A subsection `[key]`.
    pub(super) fn section<'a>(&mut self, from: &Section<'a>, key: &str) -> Option<Section<'a>> {
        match self.find(from, key)? {
            (DeValue::Table(table), _) => Some(Section { name: key.to_owned(), table }),
            (other, at) => {
                let reason = format!("this is {}, not a section", kind(other));
                self.wrong(&at, reason, format!("write [{key}] on a line of its own"));
                None
            }
        }
    }

    /// The sections `[[key]]`, each with its place; none where there is none.
    pub(super) fn sections<'a>(&mut self, from: &Section<'a>, key: &str) -> Vec<Section<'a>> {
        let Some((value, at)) = self.find(from, key) else { return Vec::new() };
        let instead = format!("write [[{key}]] in double brackets, once for each");
        let DeValue::Array(all) = value else {
            self.wrong(&at, format!("this is {}, not a list of sections", kind(value)), instead);
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(all.len());
        for (index, item) in all.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let name = table.get("name").and_then(|name| name.get_ref().as_str());
                    let name =
                        name.map_or_else(|| format!("#{}", index + 1), |name| format!("{:?}", shown(name)));
                    sections.push(Section { name: format!("{key} {name}"), table });
                }
                other => {
                    let reason = format!("this is a list with {} in it", kind(other));
                    self.wrong(&at, reason, instead.clone());
                }
            }
        }
        sections
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// The known word that was probably meant: at most two letters away.
pub(super) fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|word| (distance(given, word), *word)).min()?;
    (near.0 <= 2).then_some(near.1)
}

/// What to write instead of a word that is none of these: the near one, else what is said here.
pub(super) fn meant(given: &str, known: &[&str], otherwise: impl Into<String>) -> String {
    nearest(given, known).map_or_else(|| otherwise.into(), |near| format!("did you mean \"{near}\"?"))
}

/// Levenshtein's distance: how many letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    // A hostile key of a megabyte is not worth the time.
    if a.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_slip_finds_the_word_that_was_meant() {
        let known = ["listen", "upload_max_mb"];
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("upload_max", &known), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), &known), None);
    }
}
