//! Questions on the terminal, and what is taken for an answer where there is nobody to ask.

use std::io::IsTerminal;

use super::{Failed, given_up, unread};
use crate::io::terminal::first_line;

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Person,
    /// `--yes`: what a question offers is taken.
    Offered,
    /// A script, which has said all that it wants.
    Nobody,
}

impl Asking {
    pub(super) fn of(yes: bool, is_scripted: bool) -> Self {
        match (yes, is_scripted || !std::io::stdin().is_terminal()) {
            (true, _) => Self::Offered,
            (false, true) => Self::Nobody,
            (false, false) => Self::Person,
        }
    }

    /// `offered`: what an empty line means.
    pub(super) fn yes(self, question: &str, offered: bool) -> Result<bool, Failed> {
        match self {
            Self::Nobody => Ok(false),
            Self::Offered => Ok(offered),
            Self::Person => {
                let choice = if offered { "Y/n" } else { "y/N" };
                loop {
                    match typed(&format!("{question} [{choice}] "))?.trim().to_ascii_lowercase().as_str() {
                        "" => return Ok(offered),
                        "y" | "yes" => return Ok(true),
                        "n" | "no" => return Ok(false),
                        _ => eprintln!("platen: y or n?"),
                    }
                }
            }
        }
    }

    /// A text; an empty line is `offered`.
    pub(super) fn text(self, question: &str, offered: &str) -> Result<String, Failed> {
        if self != Self::Person {
            return Ok(offered.to_owned());
        }
        let answer = typed(&format!("{question} [{offered}] "))?;
        let answer = answer.trim();
        Ok(if answer.is_empty() { offered.to_owned() } else { answer.to_owned() })
    }
}

fn typed(question: &str) -> Result<String, Failed> {
    eprint!("{question}");
    let line = first_line(&std::io::stdin()).map_err(unread)?;
    Ok(line.ok_or_else(given_up)?.expose().to_owned())
}
