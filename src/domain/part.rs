//! A part: one piece that is to be made for a case.

use serde::{Deserialize, Serialize};

use super::ids::{CaseToken, PartId};

/// What a technician calls a part ("left ventricle"): shown on the page, never published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartName(String);

impl PartName {
    /// 40 characters fit on a label beside the token.
    pub const LONGEST: usize = 40;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part's name is 1 to 40 letters, digits, spaces and . - _ ( ), without a line break")]
pub struct PartNameError;

impl TryFrom<String> for PartName {
    type Error = PartNameError;

    fn try_from(text: String) -> Result<Self, PartNameError> {
        let trimmed = text.trim();
        let length = trimmed.chars().count();
        let legal = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '(' | ')');
        if (1..=Self::LONGEST).contains(&length) && trimmed.chars().all(legal) {
            Ok(Self(trimmed.to_owned()))
        } else {
            Err(PartNameError)
        }
    }
}

impl From<PartName> for String {
    fn from(name: PartName) -> Self {
        name.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub id: PartId,
    pub case: CaseToken,
    /// 1, 2, 3 … within the case; people say "part 2".
    pub number: u16,
    pub name: PartName,
}

/// How a request names a part: by its id or by its number within the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartRef {
    Id(PartId),
    Number(u16),
}

impl std::str::FromStr for PartRef {
    type Err = super::ids::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<u16>() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => text.parse().map(Self::Id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_markup_or_a_path_is_refused() {
        for bad in ["", "  ", "<b>", "a/b", "a\nb", &"x".repeat(41)] {
            assert!(PartName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert_eq!(PartName::try_from(" Linker Ventrikel ".to_owned()).unwrap().as_str(), "Linker Ventrikel");
    }
}
