//! A mistake in the configuration: where, what stands there, why it cannot be, what to write.

use std::fmt;
use std::path::PathBuf;

/// One mistake, as it is shown to whoever wrote the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// 1, 2, 3 … in the file; absent where something is missing altogether.
    pub line: Option<usize>,
    /// `http.listen`, `printer "mk3-07" baud`; empty where the file as a whole is meant.
    pub key: String,
    /// What stands there now, as it was written, cut where it is long.
    pub value: Option<String>,
    /// Why that cannot be.
    pub reason: String,
    /// What to write instead.
    pub instead: String,
}

impl Mistake {
    pub(super) fn unreadable(error: &std::io::Error) -> Self {
        Self {
            line: None,
            key: String::new(),
            value: None,
            reason: format!("the file cannot be read: {error}"),
            instead: "give the path of a readable file; config/platen.toml is one to begin with".into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match (&self.value, self.key.is_empty()) {
            (Some(value), false) => write!(f, "{} = {value}: ", self.key)?,
            (None, false) => write!(f, "{}: ", self.key)?,
            (_, true) => {}
        }
        write!(f, "{}; {}", self.reason, self.instead)
    }
}

/// Everything that is wrong with one file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    pub path: PathBuf,
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in {}", self.path.display())?;
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// What stands in the file, fit to be shown: without control characters, 60 characters at most.
pub(super) fn shown(written: &str) -> String {
    const LONGEST: usize = 60;
    let mut plain: String = written.chars().filter(|c| !c.is_control()).take(LONGEST + 1).collect();
    if plain.chars().count() > LONGEST {
        plain.pop();
        plain.push('…');
    }
    plain
}
