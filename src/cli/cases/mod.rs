//! `platen cases`: list, look at one, open one, add a part, and take it from the wish to the file.

mod identifiers;
mod steps;

use clap::{Args, Subcommand, ValueEnum};

use super::client::segment;
use super::{Client, Failed, Global, quality, show};
use crate::api::quality::shapes::CaseQuality;
use crate::api::shapes::{CaseBrief, CaseView, NewCase, NewPart, PartView};
use crate::domain::case::IntendedUse;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cases {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Look at this one only.
    pub token: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Open a case; prints its token.
    #[command(after_help = "Example: platen cases new --intended-use guide")]
    New {
        /// What its parts are for.
        #[arg(long, value_enum, value_name = "USE", default_value = "diagnostic")]
        intended_use: Use,
    },
    /// Add a part that is to be made.
    #[command(after_help = "Example: platen cases add-part TOKEN \"left ventricle\"")]
    AddPart {
        /// The case's token.
        token: String,
        /// What it is ("left ventricle"); never a patient's name.
        name: String,
    },
    /// Who a case is for: write it down, read it, erase it (docs/vault.md).
    Identifiers {
        #[command(subcommand)]
        what: identifiers::Identifiers,
    },
    #[command(flatten)]
    Step(steps::Step),
}

/// The domain's words, as the command line takes them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Use {
    Diagnostic,
    Guide,
    Education,
}

impl From<Use> for IntendedUse {
    fn from(given: Use) -> Self {
        match given {
            Use::Diagnostic => Self::Diagnostic,
            Use::Guide => Self::Guide,
            Use::Education => Self::Education,
        }
    }
}

impl Cases {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        match (self.what, self.token) {
            (Some(What::New { intended_use }), _) => {
                let case: CaseView =
                    client.post("/v1/cases", &NewCase { intended_use: intended_use.into() })?;
                if global.json {
                    return show::json(&case);
                }
                show::line(&case.token);
            }
            (Some(What::AddPart { token, name }), _) => {
                let path = format!("/v1/cases/{}/parts", segment(&token));
                let part: PartView = client.post(&path, &NewPart { name })?;
                if global.json {
                    return show::json(&part);
                }
                show::line(&format!("part {} of case {}: {}", part.number, part.case, part.name));
            }
            (Some(What::Identifiers { what }), _) => return what.run(&client, global),
            (Some(What::Step(step)), _) => return step.run(&client, global),
            (None, Some(token)) => {
                let path = format!("/v1/cases/{}", segment(&token));
                let case: CaseView = client.get(&path)?;
                if global.json {
                    return show::json(&case);
                }
                one(&case);
                let way: CaseQuality = client.get(&format!("{path}/quality"))?;
                quality::case(&way);
            }
            (None, None) => {
                let cases: Vec<CaseBrief> = client.get("/v1/cases")?;
                if global.json {
                    return show::json(&cases);
                }
                list(&cases);
            }
        }
        Ok(())
    }
}

fn one(case: &CaseView) {
    show::line(&format!("case {}: {}, opened {}", case.token, case.intended_use, case.opened));
    for part in &case.parts {
        show::line(&format!("  part {} {} ({})", part.number, show::plain(&part.name), part.id));
    }
    if !case.jobs.is_empty() {
        show::jobs(&case.jobs);
    }
}

fn list(cases: &[CaseBrief]) {
    if cases.is_empty() {
        return show::line("no cases; `platen cases new` opens one");
    }
    let rows: Vec<_> = cases
        .iter()
        .map(|case| {
            let opened = case.opened.get(..16).unwrap_or(&case.opened).replace('T', " ");
            vec![
                case.token.clone(),
                case.intended_use.clone(),
                case.state.clone(),
                case.parts.to_string(),
                case.jobs.to_string(),
                opened,
            ]
        })
        .collect();
    show::table(&["CASE", "FOR", "STATE", "PARTS", "JOBS", "OPENED (UTC)"], &rows);
}
