//! Free words of people: bounded, and without what could hide, turn or break them.

use serde::{Deserialize, Serialize};

use crate::domain::ids::text_form;

/// At most so many characters: an entry of the journal has a bound.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Words<const MAX: usize>(String);

/// A name of something: fits on a label.
pub type Label = Words<40>;
/// A remark.
pub type Line = Words<100>;
/// A reason or a message.
pub type Text = Words<280>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "words are 1 to {max} characters on one line, none of them hidden; write less, or leave out what is odd"
)]
pub struct WordsError {
    pub max: usize,
}

/// Characters that are not seen, or turn the direction of those that are.
fn hides(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl<const MAX: usize> Words<MAX> {
    /// Characters, at most: forms ask for no more.
    pub const MOST: usize = MAX;

    pub fn new(text: &str) -> Result<Self, WordsError> {
        let text = text.trim();
        if (1..=MAX).contains(&text.chars().count()) && !text.chars().any(hides) {
            Ok(Self(text.to_owned()))
        } else {
            Err(WordsError { max: MAX })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> std::str::FromStr for Words<MAX> {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, WordsError> {
        Self::new(text)
    }
}

text_form!([const MAX: usize] Words<MAX>, WordsError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_too_many_hidden_or_of_several_lines_are_refused() {
        let long = "x".repeat(41);
        for bad in ["", "  ", "a\nb", "a\u{202e}b", "\u{200b}", "a\u{1b}[2J", long.as_str()] {
            assert_eq!(Label::new(bad), Err(WordsError { max: 40 }), "{bad:?}");
        }
        assert_eq!(Label::new(" Größe: 5 % ").unwrap().as_str(), "Größe: 5 %");
    }
}
