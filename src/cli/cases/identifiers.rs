//! `platen cases identifiers`: who a case is for. None of it is ever an argument, which others see in `ps`.

use clap::Subcommand;
use std::io::{IsTerminal, Read};

use super::super::client::segment;
use super::super::quality::word;
use super::super::setup::{given_up, unread};
use super::super::vault::SignedIn;
use super::super::{Client, Failed, Global, show};
use crate::api::shapes::{EraseOrder, IdentifiersKept, IdentifiersShown, ReadOrder};
use crate::domain::identifiers::{ErasingReason, ReadingReason};
use crate::io::terminal::first_line;

#[derive(Debug, Subcommand)]
pub enum Identifiers {
    /// Say whether it is written down who a case is for; not what.
    #[command(after_help = "Example: platen cases identifiers state TOKEN")]
    State {
        /// The case's token.
        token: String,
    },
    /// Write down who a case is for: asked for on the terminal, or as a JSON object on the standard input.
    #[command(after_help = "Example: platen cases identifiers keep TOKEN --as rita")]
    Keep {
        /// The case's token.
        token: String,
        #[command(flatten)]
        who: SignedIn,
    },
    /// Show who a case is for. That you have read it, and why, stands in the journal.
    #[command(after_help = "Example: platen cases identifiers read TOKEN --reason handover --as rita")]
    Read {
        /// The case's token.
        token: String,
        /// handover, clinical-question, scheduling, correction, billing, patient-request or audit
        #[arg(long, value_parser = word::<ReadingReason>)]
        reason: ReadingReason,
        #[command(flatten)]
        who: SignedIn,
    },
    /// Take away who a case is for, for ever.
    #[command(after_help = "Example: platen cases identifiers erase TOKEN --reason retention --as rita")]
    Erase {
        /// The case's token.
        token: String,
        /// patient-request, retention or entered-in-error
        #[arg(long, value_parser = word::<ErasingReason>)]
        reason: ErasingReason,
        #[command(flatten)]
        who: SignedIn,
    },
}

fn at(token: &str, what: &str) -> String {
    format!("/v1/cases/{}/identifiers{what}", segment(token))
}

impl Identifiers {
    pub fn run(self, client: &Client, global: &Global) -> Result<(), Failed> {
        let kept: IdentifiersKept = match self {
            Self::State { token } => client.get(&at(&token, ""))?,
            Self::Keep { token, who } => who.ask(client, |client| client.post(&at(&token, ""), &given()?))?,
            Self::Erase { token, reason, who } => {
                who.ask(client, |client| client.post(&at(&token, "/erase"), &EraseOrder { reason }))?
            }
            Self::Read { token, reason, who } => {
                let shown: IdentifiersShown =
                    who.ask(client, |client| client.post(&at(&token, "/read"), &ReadOrder { reason }))?;
                if global.json {
                    return show::json(&shown);
                }
                lines(&shown);
                return Ok(());
            }
        };
        if global.json {
            return show::json(&kept);
        }
        show::line(&match (kept.kept, kept.version) {
            (true, version) => format!("kept, version {}; the vault is {}", version.unwrap_or(0), kept.vault),
            (false, Some(_)) => "erased".to_owned(),
            (false, None) => format!("nothing is written down; the vault is {}", kept.vault),
        });
        Ok(())
    }
}

fn lines(shown: &IdentifiersShown) {
    let all = [
        ("name", &shown.name),
        ("record number", &shown.mrn),
        ("accession", &shown.accession),
        ("surgeon", &shown.surgeon),
        ("surgery at", &shown.surgery_at),
        ("born", &shown.birth_date),
    ];
    for (what, text) in all {
        if let Some(text) = text {
            show::line(&format!("{what:<14} {}", show::plain(text)));
        }
    }
}

/// What may be given.
const KEYS: [&str; 6] = ["name", "mrn", "accession", "surgeon", "surgery_at", "birth_date"];

/// What came through a pipe. What is wrong with it is told here, by its key: the daemon repeats nothing of it.
fn understood(text: &str) -> Result<serde_json::Value, Failed> {
    let given = serde_json::from_str::<serde_json::Value>(text).ok();
    let Some(serde_json::Value::Object(all)) = given else {
        return Err(Failed::Usage(format!(
            "the standard input is no JSON object; give one with {}, as far as they are known",
            KEYS.join(", ")
        )));
    };
    for (key, value) in &all {
        if !KEYS.contains(&key.as_str()) {
            return Err(Failed::Usage(format!(
                "the key \"{}\" is not known; there are {}",
                show::plain(key),
                KEYS.join(", ")
            )));
        }
        if !value.is_string() && !value.is_null() {
            return Err(Failed::Usage(format!(
                "what stands at the key {key} is no text; write it in quotes, numbers and days too"
            )));
        }
    }
    Ok(serde_json::Value::Object(all))
}

/// What was typed, or came through a pipe.
fn given() -> Result<serde_json::Value, Failed> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let mut text = zeroize::Zeroizing::new(String::new());
        stdin.lock().read_to_string(&mut text).map_err(unread)?;
        return understood(&text);
    }
    eprintln!("An empty line leaves it out.");
    let ask = |question: &str| -> Result<Option<String>, Failed> {
        eprint!("{question}: ");
        let line = first_line(&stdin).map_err(unread)?.ok_or_else(given_up)?;
        let text = line.expose().trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    let typed = IdentifiersShown {
        name: ask("Patient's name")?,
        mrn: ask("Record number")?,
        accession: ask("Accession number")?,
        surgeon: ask("Surgeon's name")?,
        surgery_at: ask("Time of surgery, as in 2026-12-01T07:30")?,
        birth_date: ask("Date of birth, as in 1960-05-12")?,
    };
    serde_json::to_value(&typed).map_err(|_| given_up())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_identifiers_is_told_by_its_key_and_without_its_value() {
        assert!(understood(r#"{"name": "A", "mrn": null, "birth_date": "1960-05-12"}"#).is_ok());
        for (wrong, which) in [
            (r#"{"patient": "secret"}"#, "\"patient\""),
            (r#"{"mrn": 4711}"#, "the key mrn"),
            (r#"{"surgeon": {"name": "secret"}}"#, "the key surgeon"),
            (r#"["secret"]"#, "no JSON object"),
            ("secret", "no JSON object"),
        ] {
            let error = understood(wrong).unwrap_err().to_string();
            assert!(error.contains(which), "{wrong}: {error}");
            assert!(!error.contains("secret") && !error.contains("4711"), "{error}");
        }
    }
}
