//! `platen report`: a report as a page to print, as JSON or as CSV, into a file or to standard output.

use clap::{Args, Subcommand, ValueEnum};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::backup::{beside, cannot_write};
use super::client::segment;
use super::quality::when;
use super::{Client, Failed, Global, show};
use crate::api::shapes::MadeReports;
use crate::domain::ids::FileHash;
use crate::io::durable::{new_file, rename_new};

#[derive(Debug, Args)]
pub struct Report {
    #[command(subcommand)]
    pub kind: Kind,
    /// The file to make; it must not be there yet. Without it a page gets a name here, and the others are printed.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What is made; html where nothing says otherwise, json with --json.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// The last entry of the journal that counts; the newest where absent.
    #[arg(long, global = true, value_name = "ENTRY")]
    pub until: Option<u64>,
    /// Who takes it; with a token, its owner.
    #[arg(long, global = true, value_name = "NAME")]
    pub by: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Html,
    Json,
    Csv,
}

#[derive(Debug, Args)]
pub struct Period {
    /// The first day, as in 2026-04-01; from the journal's beginning where absent.
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// The last day; up to the newest entry where absent.
    #[arg(long, value_name = "DAY")]
    pub to: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Kind {
    /// The history of a case: what was ordered, made, measured, signed and delivered.
    Case {
        /// The case's token.
        token: String,
    },
    /// Proposed CPT units of a case with their evidence, for a coder to review.
    Worksheet {
        /// The case's token.
        token: String,
    },
    /// De-identified cases with the fields of the ACR-RSNA registry's form.
    Registry {
        /// This case only; else all that were delivered in the period.
        #[arg(long, value_name = "CASE", conflicts_with_all = ["from", "to"])]
        case: Option<String>,
        #[command(flatten)]
        period: Period,
    },
    /// What the programme did and what it is worth.
    Value {
        #[command(flatten)]
        period: Period,
    },
    /// One printer: qualification, use, prints, control charts.
    Printer {
        /// The printer's name.
        name: String,
        #[command(flatten)]
        period: Period,
    },
    /// From a lot to its parts and cases, or from a case to its lots.
    Lot {
        /// The lot's id.
        #[arg(required_unless_present = "case")]
        lot: Option<String>,
        /// From this case to its lots instead.
        #[arg(long, value_name = "CASE", conflicts_with = "lot")]
        case: Option<String>,
    },
    /// Entries of the journal, whose chain is checked.
    Audit {
        /// Of this case only.
        #[arg(long, value_name = "CASE", conflicts_with_all = ["from", "to"])]
        case: Option<String>,
        #[command(flatten)]
        period: Period,
    },
    /// Check a paper: whether a report with its SHA-256 was made here, which, when and for whom.
    #[command(after_help = "Example: platen report verify SHA256")]
    Verify {
        /// All 64 characters, as the paper has them.
        sha256: FileHash,
    },
}

impl Kind {
    /// The report's word, what it is of in a file's name, and its parameters.
    fn asked(self) -> (&'static str, Option<String>, Vec<(&'static str, String)>) {
        let between = |period: Period| {
            let Period { from, to } = period;
            [("from", from), ("to", to)]
                .into_iter()
                .filter_map(|(key, day)| Some((key, day?)))
                .collect::<Vec<_>>()
        };
        match self {
            Self::Case { token } => ("case", Some(token.clone()), vec![("case", token)]),
            Self::Worksheet { token } => ("worksheet", Some(token.clone()), vec![("case", token)]),
            Self::Registry { case: Some(case), .. } => ("registry", Some(case.clone()), vec![("case", case)]),
            Self::Registry { period, .. } => ("registry", None, between(period)),
            Self::Value { period } => ("value", None, between(period)),
            Self::Printer { name, period } => {
                let mut asked = between(period);
                asked.push(("printer", name.clone()));
                ("printer", Some(name), asked)
            }
            Self::Lot { case: Some(case), .. } => ("lot", Some(case.clone()), vec![("case", case)]),
            Self::Lot { lot, .. } => ("lot", lot.clone(), lot.map(|lot| ("lot", lot)).into_iter().collect()),
            Self::Audit { case: Some(case), .. } => ("audit", Some(case.clone()), vec![("case", case)]),
            Self::Audit { period, .. } => ("audit", None, between(period)),
            Self::Verify { sha256 } => ("made", None, vec![("sha256", sha256.to_string())]),
        }
    }
}

impl Report {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        if let Kind::Verify { sha256 } = &self.kind {
            return verify(&client, global, sha256);
        }
        let usual = if global.json { Format::Json } else { Format::Html };
        let format = self.format.unwrap_or(usual);
        let (word, of, parameters) = self.kind.asked();
        let ending = match format {
            Format::Html => "html",
            Format::Json => "json",
            Format::Csv => "csv",
        };
        let mut path = format!("/v1/reports/{word}?format={ending}");
        for (key, value) in &parameters {
            path.push_str(&format!("&{key}={}", segment(value)));
        }
        if let Some(by) = &self.by {
            path.push_str(&format!("&by={}", segment(by)));
        }
        if let Some(until) = self.until {
            path.push_str(&format!("&until={until}"));
        }
        let mut body = client.open(&path)?;
        let dash = Path::new("-");
        let into = match (&self.output, format) {
            (Some(file), _) if file == dash => None,
            (Some(file), _) => Some(file.clone()),
            // A page on a terminal is of no use.
            (None, Format::Html) => {
                let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
                let of = of
                    .map(|of| format!("-{}", of.chars().map(plain).collect::<String>()))
                    .unwrap_or_default();
                Some(PathBuf::from(format!("platen-{word}{of}.html")))
            }
            (None, _) => None,
        };
        keep_or_print(&mut body, into.as_deref())
    }
}

/// Says which report a paper is, or that it is none of this platen's.
fn verify(client: &Client, global: &Global, sha256: &FileHash) -> Result<(), Failed> {
    let found: MadeReports = client.get(&format!("/v1/reports/made?sha256={sha256}"))?;
    if global.json {
        show::json(&found)?;
    } else {
        for made in &found.made {
            let by = made.by.as_deref().unwrap_or("somebody who gave no name");
            show::line(&format!("{} of {}", made.title, show::plain(&made.of)));
            show::line(&format!("  data cut entry {}", made.until));
            show::line(&format!("  version  {}", made.version));
            show::line(&format!("  made     {} UTC, entry {} of the journal", when(&made.at), made.entry));
            show::line(&format!("  for      {}", show::plain(by)));
        }
    }
    if found.made.is_empty() {
        return Err(Failed::Finding(format!(
            "platen has made no report with SHA-256 {sha256}; compare all of its characters with the paper"
        )));
    }
    Ok(())
}

/// Into a file, whose name is told then, or to standard output.
pub(super) fn keep_or_print(body: &mut impl Read, into: Option<&Path>) -> Result<(), Failed> {
    let Some(into) = into else { return print(body) };
    keep(body, into)?;
    show::line(&into.display().to_string());
    Ok(())
}

fn broken(error: &std::io::Error) -> Failed {
    Failed::Finding(format!("the answer broke off: {error}; look at the daemon's log, then try again"))
}

/// To standard output; a reader that went away (`| head`) is no error.
fn print(body: &mut impl Read) -> Result<(), Failed> {
    let mut text = Vec::new();
    body.read_to_end(&mut text).map_err(|error| broken(&error))?;
    let _ = std::io::stdout().lock().write_all(&text);
    Ok(())
}

/// Whole or not at all, and over nothing.
fn keep(body: &mut impl Read, into: &Path) -> Result<(), Failed> {
    let part = beside(into)?;
    let mut file = new_file(&part).map_err(|error| cannot_write(&part, error))?;
    let written = std::io::copy(body, &mut file)
        .map_err(|error| broken(&error))
        .and_then(|_| file.sync_all().map_err(|error| cannot_write(&part, error)))
        .and_then(|()| rename_new(&part, into).map_err(|error| cannot_write(into, error)));
    written.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        report: Report,
    }

    #[test]
    fn each_kind_asks_for_what_it_is_of() {
        for (line, word, asked) in [
            ("x case c1", "case", "case=c1"),
            ("x worksheet c1 --format csv", "worksheet", "case=c1"),
            ("x registry --from 2026-01-01", "registry", "from=2026-01-01"),
            ("x value -o out.html --until 7", "value", ""),
            ("x printer mk3 --to 2026-01-31", "printer", "to=2026-01-31 printer=mk3"),
            ("x lot --case c1", "lot", "case=c1"),
            ("x lot l1", "lot", "lot=l1"),
            ("x audit --case c1", "audit", "case=c1"),
        ] {
            let parsed = Line::try_parse_from(line.split(' ')).unwrap();
            let (found, _, parameters) = parsed.report.kind.asked();
            let words: Vec<_> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!((found, words.join(" ")), (word, asked.to_owned()), "{line}");
        }
        for line in ["x lot", "x lot l1 --case c1", "x case", "x audit --case c1 --from 2026-01-01"] {
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
