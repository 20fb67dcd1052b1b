//! A mistake in a table that a site may write itself (codes, rates): which file, which key, why, and what to write.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name, as it was handed in.
    pub file: String,
    /// From 1; absent where something is missing, or the files contradict each other.
    pub line: Option<usize>,
    /// `code #2 cap`; empty where the file as a whole is meant.
    pub key: String,
    pub reason: String,
    pub instead: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}; {}", self.reason, self.instead)
    }
}

/// Everything that is wrong, in the order of the files. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {}", if count == 1 { "mistake" } else { "mistakes" })?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}
