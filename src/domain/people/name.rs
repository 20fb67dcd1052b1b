//! What people are called here: the name that stands in the journal, and the one that stands under a signature.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

use crate::domain::ids::text_form;

/// Longer ones stand in no table, and fit nowhere else where a person's name is taken.
pub const NAME_MAX: usize = 40;
/// A name in full, with titles.
pub const PRINTED_MAX: usize = 80;
/// Who the journal names where a stop came without a name.
pub const UNNAMED: &str = "unnamed";
/// Who it names where somebody stopped something without being signed in.
pub const STRANGER: &str = "not signed in";
/// Who the journal names where no person did it: nobody may be called that.
const TAKEN: [&str; 11] = [
    "platen",
    "setup",
    "automatic",
    "demo",
    "a restore",
    "stop file",
    "contact",
    "nobody",
    UNNAMED,
    STRANGER,
    "somebody at this machine",
];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(
        "a user name is 1 to 40 letters, digits and single spaces or . - _ @ between them, and begins with a letter or digit"
    )]
    User,
    #[error("nobody may be called \"{0}\", since the journal means platen itself by it; choose another name")]
    Taken(String),
    #[error("a printed name is 1 to 80 characters on one line, with no spaces around it")]
    Printed,
}

/// The name that somebody signs in with. It also stands wherever the journal says by whom something was done.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Two names that differ in this only in capitals would be one person to a reader.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// A name as typed, without its capitals and the spaces around it.
pub fn fold(typed: &str) -> String {
    typed.trim().to_lowercase()
}

impl FromStr for UserName {
    type Err = NameError;

    fn from_str(given: &str) -> Result<Self, NameError> {
        let name = given.trim();
        let between = |c: char| matches!(c, ' ' | '.' | '-' | '_' | '@');
        let spaced = name.split(' ').all(|word| !word.is_empty());
        let legal = name.chars().all(|c| c.is_alphanumeric() || between(c));
        let fits = (1..=NAME_MAX).contains(&name.chars().count());
        if !fits || !legal || !spaced || name.starts_with(between) {
            return Err(NameError::User);
        }
        if TAKEN.contains(&fold(name).as_str()) {
            return Err(NameError::Taken(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

/// A person's name in full, as it is printed beside a signature.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrintedName(String);

impl PrintedName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character can change how the text around it reads, without being seen itself.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

impl FromStr for PrintedName {
    type Err = NameError;

    fn from_str(given: &str) -> Result<Self, NameError> {
        let name = given.trim();
        let fits = (1..=PRINTED_MAX).contains(&name.chars().count());
        if fits && !name.chars().any(is_hidden) { Ok(Self(name.to_owned())) } else { Err(NameError::Printed) }
    }
}

text_form!(UserName, NameError);
text_form!(PrintedName, NameError);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_user_name_is_short_plain_and_nobody_else_s() {
        for good in ["kim", "Kim Lee", "dr.o-hara_2", "k@ward7", "Jürgen", "0", &"x".repeat(40)] {
            assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
        }
        assert_eq!(" kim\n".parse::<UserName>().unwrap().as_str(), "kim");
        for bad in [
            "",
            " ",
            "a  b",
            "a\nb",
            "a\u{0}b",
            "\u{202e}kim",
            "a/b",
            "<b>",
            "-a",
            ".a",
            "@a",
            "a\u{301}",
            &"x".repeat(41),
        ] {
            assert_eq!(bad.parse::<UserName>(), Err(NameError::User), "{bad:?}");
        }
        for taken in ["platen", "Platen", "A Restore", "stop file"] {
            assert_eq!(taken.parse::<UserName>(), Err(NameError::Taken(taken.into())));
        }
    }

    #[test]
    fn a_printed_name_is_one_line_that_reads_as_it_stands() {
        for good in ["Dr. Kim O'Hara, MD", "金 敏", &"x".repeat(80)] {
            assert_eq!(good.parse::<PrintedName>().unwrap().as_str(), good);
        }
        for bad in ["", "  ", "a\nb", "a\u{1b}[1m", "\u{202e}miK", "a\u{200b}b", "a\u{feff}", &"x".repeat(81)]
        {
            assert_eq!(bad.parse::<PrintedName>(), Err(NameError::Printed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_is_bounded_and_has_no_control_character(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}|[a-z .@-]{1,45}") {
            if let Ok(name) = text.parse::<UserName>() {
                prop_assert!(name.as_str().chars().count() <= NAME_MAX);
                prop_assert!(!name.as_str().chars().any(char::is_control));
                prop_assert_eq!(name.as_str().parse::<UserName>(), Ok(name.clone()));
                let json = serde_json::to_string(&name).unwrap();
                prop_assert_eq!(serde_json::from_str::<UserName>(&json).unwrap(), name);
            }
        }
    }
}
