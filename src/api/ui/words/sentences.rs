//! Sentences that other parts of platen say in English, in the page's other languages; one that is not here stays
//! English.

use super::Language;
use std::borrow::Cow;

/// English and German, by the English.
const SENTENCES: &[(&str, &str)] = &[];

/// A sentence in a language, if it is known there.
pub fn say(language: Language, sentence: &str) -> Cow<'_, str> {
    let known = |(english, german): &(&str, &'static str)| (*english == sentence).then_some(*german);
    match language {
        Language::English => Cow::Borrowed(sentence),
        Language::German => {
            SENTENCES.iter().find_map(known).map_or(Cow::Borrowed(sentence), Cow::Borrowed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_that_is_not_known_stays_as_it_is() {
        assert_eq!(say(Language::German, "something that nobody has said"), "something that nobody has said");
        assert_eq!(say(Language::English, "x"), "x");
    }
}
