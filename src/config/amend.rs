//! Says something of one section of a configuration anew, and changes no other byte of the text.
//!
//! ```text
//! key there ─▶ its value replaced     key as a comment ─▶ behind that line
//! section there ─▶ below its head     no section ─▶ one more at the end
//! ```
//! What counts is what the parser makes of the result: it says what was wanted, and elsewhere what it said before.

use std::fmt;
use toml::de::{DeTable, DeValue};

use super::edit::{commented, line_end};
use super::section::quoted;
use super::{Config, Mistake};

/// A value as TOML has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Text(String),
    Texts(Vec<String>),
}

impl Said {
    fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                format!("[{}]", texts.join(", "))
            }
        }
    }
}

/// Why a text was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAmended {
    /// Before or afterwards.
    Mistakes(Vec<Mistake>),
    /// It is written in a way that cannot be changed in its place.
    Unusual(&'static str),
}

impl fmt::Display for NotAmended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => {
                let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
                write!(f, "{}", mistakes.join("; "))
            }
            Self::Unusual(section) => {
                write!(f, "its section [{section}] is written in an unusual way; change it by hand")
            }
        }
    }
}

/// The text with other values in `http`, `http.tls` or `mqtt`: what else a section says would count as changed.
pub fn with_settings(
    text: &str,
    section: &'static str,
    settings: &[(&str, Said)],
) -> Result<String, NotAmended> {
    let before = Config::parse(text).map_err(NotAmended::Mistakes)?;
    let mut edited = text.to_owned();
    for (key, value) in settings {
        edited = amended(&edited, section, key, &value.to_toml()).ok_or(NotAmended::Unusual(section))?;
    }
    let mut after = Config::parse(&edited).map_err(NotAmended::Mistakes)?;
    let is_said = settings.iter().all(|(key, value)| says(&edited, section, key, value));
    match section {
        "mqtt" => after.mqtt.clone_from(&before.mqtt),
        _ => after.http.clone_from(&before.http),
    }
    // The address of the page is told to Home Assistant, and follows from [http].
    if is_said && after == before { Ok(edited) } else { Err(NotAmended::Unusual(section)) }
}

/// Whether a key has a value already.
pub fn says(text: &str, section: &str, key: &str, value: &Said) -> bool {
    let Ok(document) = DeTable::parse(text) else { return false };
    let found = table_of(document.get_ref(), section).and_then(|table| table.get(key));
    match (found.map(|found| found.get_ref()), value) {
        (Some(DeValue::String(found)), Said::Text(text)) => found.as_ref() == text.as_str(),
        (Some(DeValue::Array(found)), Said::Texts(texts)) => {
            let found: Vec<_> = found.iter().map(|one| one.get_ref().as_str()).collect();
            found.len() == texts.len()
                && found.iter().zip(texts).all(|(found, text)| *found == Some(text.as_str()))
        }
        _ => false,
    }
}

fn table_of<'d, 'i>(top: &'d DeTable<'i>, section: &str) -> Option<&'d DeTable<'i>> {
    section.split('.').try_fold(top, |table, part| table.get(part)?.get_ref().as_table())
}

fn amended(text: &str, section: &str, key: &str, value: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let table = table_of(document.get_ref(), section);
    let mut edited = text.to_owned();
    if let Some(old) = table.and_then(|table| table.get(key)) {
        edited.replace_range(old.span(), value);
        return Some(edited);
    }
    let line = format!("{key} = {value}");
    let Some(head) = head_of(text, section) else {
        // Of a section that is there otherwise, nobody could tell where its lines are.
        if table.is_some() {
            return None;
        }
        while !edited.is_empty() && !edited.ends_with("\n\n") && !edited.ends_with("\n\r\n") {
            edited.push('\n');
        }
        edited.push_str(&format!("[{section}]\n{line}\n"));
        return Some(edited);
    };
    let (head_end, _) = line_end(text, head);
    let below = text[head_end..].find('\n').map_or(text.len(), |newline| head_end + newline + 1);
    let inside = commented(text, below, key).map_or(head, |place| place.inside);
    let (end, newline) = line_end(text, inside);
    edited.replace_range(end..end, &format!("{newline}{line}"));
    Some(edited)
}

/// Where the line of a section's head begins.
fn head_of(text: &str, section: &str) -> Option<usize> {
    let head = format!("[{section}]");
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let behind = line.strip_prefix(&head).map(str::trim);
        if behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('#')) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "[[printer]]\nname = \"a\"\nport = \"/dev/a\"\nbaud = 115200 # as built\n";

    fn with(middle: &str) -> String {
        format!("# ours\nsite = \"lab\"\nnode = \"one\"\n\n{middle}{REST}")
    }

    fn text(value: &str) -> Said {
        Said::Text(value.into())
    }

    #[test]
    fn a_key_is_replaced_put_behind_its_comment_below_its_head_or_into_a_section_of_its_own() {
        let mqtt = |from: &str| with_settings(from, "mqtt", &[("username", text("platen"))]);
        let url = "url = \"mqtt://b\"";
        for (before, after) in [
            (
                with(&format!("[mqtt]\n{url}\nusername = \"old\" # why\n")),
                with(&format!("[mqtt]\n{url}\nusername = \"platen\" # why\n")),
            ),
            (
                with(&format!("[mqtt] # broker\n# who\n#username = \"x\"\n\n{url}\n")),
                with(&format!("[mqtt] # broker\n# who\n#username = \"x\"\nusername = \"platen\"\n\n{url}\n")),
            ),
            (
                with(&format!("[mqtt]\r\n{url}\r\n")),
                with(&format!("[mqtt]\r\nusername = \"platen\"\r\n{url}\r\n")),
            ),
        ] {
            assert_eq!(mqtt(&before).unwrap(), after);
            assert_eq!(mqtt(&after).unwrap(), after, "a second time it stays");
        }
        let new = with_settings(&with(""), "mqtt", &[("url", text("mqtt://b:1"))]).unwrap();
        assert_eq!(new, format!("{}\n[mqtt]\nurl = \"mqtt://b:1\"\n", with("")));
    }

    #[test]
    fn both_files_of_a_certificate_are_said_at_once_and_names_as_a_list() {
        let tls = [("certificate", text("/etc/c.pem")), ("key", text("/etc/k \"x\".pem"))];
        let said = with_settings(&with("[http]\n[http.tls]\n#key = \"k\"\n"), "http.tls", &tls).unwrap();
        assert!(Config::parse(&said).unwrap().http.tls.is_some(), "{said}");
        let hosts = Said::Texts(vec!["a.lab".into(), "b".into()]);
        let said = with_settings(&said, "http", &[("hosts", hosts.clone())]).unwrap();
        assert_eq!(Config::parse(&said).unwrap().http.hosts, ["a.lab", "b"]);
        assert!(says(&said, "http", "hosts", &hosts) && !says(&said, "http", "listen", &hosts));
    }

    #[test]
    fn what_is_mistaken_or_unusual_stays_as_it_is() {
        let mistaken = with_settings(&with("[mqtt]\nurl = 7\n"), "mqtt", &[("username", text("a"))]);
        assert!(matches!(mistaken, Err(NotAmended::Mistakes(_))), "{mistaken:?}");
        // Afterwards it would be: a password file wants a name.
        let alone = with_settings(&with(""), "mqtt", &[("username", text("a"))]);
        assert!(matches!(alone, Err(NotAmended::Mistakes(_))), "{alone:?}");
        let inline = format!("mqtt = {{ url = \"mqtt://b\" }}\n{}", with(""));
        assert_eq!(
            with_settings(&inline, "mqtt", &[("username", text("a"))]),
            Err(NotAmended::Unusual("mqtt"))
        );
    }
}
