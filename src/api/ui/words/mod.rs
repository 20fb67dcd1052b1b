//! Every word of the page, in each of its languages, in one place: a page names a text and never holds one.
//!
//! A text may have holes, `{name}`, which [`Text::with`] fills. What other parts of platen say (reasons, findings,
//! problems) comes from there, in English.

pub mod account;
pub mod audit;
pub mod cases;
pub mod commission;
pub mod common;
pub mod farm;
pub mod forms;
pub mod hands;
pub mod look;
pub mod materials;
pub mod people;
pub mod printer;
pub mod queue;
pub mod reports;
pub mod resin;
pub mod sentences;
pub mod settings;
pub mod signing;
#[cfg(feature = "oidc")]
pub mod site;
pub mod states;

use std::fmt;

/// A language that the page is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    German,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// As `lang` has it in HTML.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Its own name for itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The first of `Accept-Language` that is one of ours; browsers send what is liked best first.
    pub fn accepted(header: &str) -> Option<Self> {
        header.split(',').find_map(|one| {
            let tag = one.split(';').next().unwrap_or_default().trim();
            Self::of_code(tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str())
        })
    }
}

/// One text in all languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub en: &'static str,
    pub de: &'static str,
}

impl Text {
    pub const fn say(self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::German => self.de,
        }
    }

    /// The text with its holes filled, in one pass: what is filled in is never read as a hole.
    pub fn with(self, language: Language, holes: &[(&str, &dyn fmt::Display)]) -> String {
        let (mut text, mut rest) = (String::new(), self.say(language));
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            if let Some((_, value)) = holes.iter().find(|(hole, _)| *hole == name) {
                text.push_str(&value.to_string());
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

/// Declares texts as `NAME = "English" | "German";`, and `ALL` of them for the test that holds them side by side.
macro_rules! texts {
    ($($name:ident = $en:literal | $de:literal;)*) => {
        $(pub const $name: $crate::api::ui::words::Text = $crate::api::ui::words::Text { en: $en, de: $de };)*
        #[cfg(test)]
        pub const ALL: &[(&str, $crate::api::ui::words::Text)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use texts;

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(text: &str) -> Vec<&str> {
        let mut holes: Vec<&str> =
            text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default()).collect();
        holes.sort_unstable();
        holes.dedup();
        holes
    }

    #[test]
    fn every_text_is_there_in_every_language_with_the_same_holes() {
        let mut seen = 0;
        let rooms = [
            ("common", common::ALL),
            ("states", states::ALL),
            ("account", account::ALL),
            ("forms", forms::ALL),
            ("look", look::ALL),
            ("farm", farm::ALL),
            ("printer", printer::ALL),
            ("commission", commission::ALL),
            ("queue", queue::ALL),
            ("cases", cases::ALL),
            ("hands", hands::ALL),
            ("materials", materials::ALL),
            ("reports", reports::ALL),
            ("resin", resin::ALL),
            ("people", people::ALL),
            ("audit", audit::ALL),
            ("settings", settings::ALL),
            ("signing", signing::ALL),
            #[cfg(feature = "oidc")]
            ("site", site::ALL),
        ];
        for (room, all) in rooms {
            for (name, text) in all {
                for language in Language::ALL {
                    assert!(!text.say(language).trim().is_empty(), "{room}::{name} in {}", language.name());
                }
                assert_eq!(holes(text.en), holes(text.de), "{room}::{name}");
                seen += 1;
            }
        }
        assert!(seen > 50, "only {seen} texts are looked at");
    }

    #[test]
    fn what_is_done_has_one_name_wherever_a_printer_or_a_job_is_in_hand() {
        // Within a sentence that begins in another way.
        let within = ["CAUSE_DAMAGED", "CAUSE_LOST", "CAUSE_COPY", "BY_NOBODY", "BY_STRANGER"];
        let mut known = std::collections::BTreeMap::new();
        for all in [common::ALL, farm::ALL, printer::ALL, hands::ALL, queue::ALL] {
            for (name, text) in all.iter().filter(|(name, _)| !within.contains(name)) {
                let german = *known.entry(text.en).or_insert(text.de);
                assert_eq!(german, text.de, "{name}: {:?}", text.en);
            }
        }
    }

    #[test]
    fn what_is_filled_in_is_never_read_as_a_hole() {
        let text = Text { en: "{a} of {b}", de: "{a} von {b}" };
        assert_eq!(text.with(Language::German, &[("a", &"{b}"), ("b", &2)]), "{b} von 2");
        assert_eq!(text.with(Language::English, &[("b", &2)]), " of 2");
    }

    #[test]
    fn the_first_language_that_is_ours_is_taken() {
        for (header, wanted) in [
            ("de-DE,de;q=0.9,en;q=0.8", Some(Language::German)),
            ("fr, EN;q=0.5, de;q=0.1", Some(Language::English)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Language::accepted(header), wanted, "{header}");
        }
    }
}
