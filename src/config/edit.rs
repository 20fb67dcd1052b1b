//! Changes what is said of one printer's buffers, and no other byte of the text.
//!
//! An editor that writes the whole document anew would change line ends, indentation and the
//! last line as well; here the numbers are put where they belong, and the result is read again.

use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, Mistake};

/// What a board can hold, in the words of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    pub rx_buffer: usize,
    pub command_buffer: usize,
}

impl Buffers {
    fn lines(self) -> [(&'static str, usize); 2] {
        [("rx_buffer", self.rx_buffer), ("command_buffer", self.command_buffer)]
    }
}

/// Why a text was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    Mistakes(Vec<Mistake>),
    NoPrinter,
    /// It is written in a way that cannot be changed in its place.
    Unusual,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => {
                let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
                write!(f, "it has mistakes: {}", mistakes.join("; "))
            }
            Self::NoPrinter => write!(f, "the printer is not in it any more"),
            Self::Unusual => write!(f, "it is written in an unusual way; change the two numbers by hand"),
        }
    }
}

/// The text with other buffers for one printer; `None` where it says the same already.
pub fn with_buffers(text: &str, printer: &str, buffers: Buffers) -> Result<Option<String>, EditError> {
    let mut wanted = Config::parse(text).map_err(EditError::Mistakes)?;
    let found = wanted.printers.iter_mut().find(|known| known.name.as_str() == printer);
    let found = found.ok_or(EditError::NoPrinter)?;
    let before = Buffers { rx_buffer: found.rx_buffer, command_buffer: found.command_buffer };
    if before == buffers {
        return Ok(None);
    }
    (found.rx_buffer, found.command_buffer) = (buffers.rx_buffer, buffers.command_buffer);
    let edited = splice(text, printer, buffers).ok_or(EditError::Unusual)?;
    // Whatever the splice did: the file says what was wanted and nothing else, or it stays as it is.
    let mut says = Config::parse(&edited).map_err(|_| EditError::Unusual)?;
    // How much of an exposure its board holds at once follows from the buffer.
    for (said, wanted) in says.printers.iter_mut().zip(&wanted.printers) {
        if said.name.as_str() == printer && said.resin.is_some() == wanted.resin.is_some() {
            said.resin.clone_from(&wanted.resin);
        }
    }
    if says == wanted { Ok(Some(edited)) } else { Err(EditError::Unusual) }
}

fn splice(text: &str, printer: &str, buffers: Buffers) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let DeValue::Array(printers) = document.get_ref().get("printer")?.get_ref() else { return None };
    let item = printers.iter().find(|item| name(item) == Some(printer))?;
    let table = item.get_ref().as_table()?;
    let inline = text.get(item.span())?.starts_with('{');
    let first = table.keys().map(|key| key.span().start).min()?;
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for (key, number) in buffers.lines() {
        if let Some(value) = table.get(key) {
            changes.push((value.span(), number.to_string()));
            continue;
        }
        // What stands in sections of its own behind the printer's is none of its lines.
        let lines = table.iter().filter(|(_, value)| value.get_ref().as_table().is_none());
        let (last_key, last) = lines.max_by_key(|(_, value)| value.span().end)?;
        let line = format!("{key} = {number}");
        if inline {
            changes.push((last.span().end..last.span().end, format!(", {line}")));
            continue;
        }
        let at = commented(text, first, key).unwrap_or_else(|| Place {
            begins: line_begin(text, last_key.span().start),
            inside: last.span().end,
        });
        let indent: String = text.get(at.begins..)?.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let (end, newline) = line_end(text, at.inside);
        changes.push((end..end, format!("{newline}{indent}{line}")));
    }
    // From the end, so that the places before stay true; what is put in at one place stays in order.
    changes.sort_by_key(|(place, _)| place.start);
    let mut edited = text.to_owned();
    for (place, new) in changes.into_iter().rev() {
        edited.replace_range(place, &new);
    }
    Some(edited)
}

fn name<'v>(item: &'v Spanned<DeValue<'_>>) -> Option<&'v str> {
    item.get_ref().as_table()?.get("name")?.get_ref().as_str()
}

/// A line of the text: where it begins, and a place in it.
pub(super) struct Place {
    pub(super) begins: usize,
    pub(super) inside: usize,
}

fn line_begin(text: &str, inside: usize) -> usize {
    text[..inside].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line ends, and how.
pub(super) fn line_end(text: &str, inside: usize) -> (usize, &'static str) {
    match text[inside..].find('\n').map(|newline| inside + newline) {
        Some(newline) if text[..newline].ends_with('\r') => (newline - 1, "\r\n"),
        Some(newline) => (newline, "\n"),
        None if text.contains("\r\n") => (text.len(), "\r\n"),
        None => (text.len(), "\n"),
    }
}

/// The line that shows a key's default in this section: its explanation stands there, too.
pub(super) fn commented(text: &str, from: usize, key: &str) -> Option<Place> {
    let mut begins = line_begin(text, from);
    for line in text[begins..].split_inclusive('\n') {
        let words = line.trim_start();
        if words.starts_with('[') || words.starts_with("#[") {
            return None;
        }
        let shown = words.strip_prefix('#').and_then(|rest| rest.strip_prefix(key));
        if shown.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return Some(Place { begins, inside: begins });
        }
        begins += line.len();
    }
    None
}
