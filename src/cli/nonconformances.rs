//! `platen nonconformances`: what is not as it should be, and what becomes of it.

use clap::{Args, Subcommand, ValueEnum};

use super::client::segment;
use super::quality::{By, nonconformance, to_sign, told, word};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{
    About, Decision, NewNonconformance, NonconformanceStep, NonconformanceView, ToSign,
};
use crate::domain::ids::{CaseToken, FileHash, LotId, PrinterName};
use crate::domain::quality::nonconformance::{Cause, Severity};
use crate::domain::quality::printed::Serial;
use crate::domain::quality::words::{Line, Text};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Nonconformances {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Look at this one only.
    pub id: Option<String>,
    /// Those in this state only: open, disposed or closed.
    #[arg(long, conflicts_with = "id")]
    pub state: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Report something that is not as it should be. A printed part is in quarantine from then on.
    #[command(
        after_help = "Example: platen nonconformances open --part 0123456789abc-1-1 --cause dimension --severity minor --what \"0.7 mm too long\" --by lee"
    )]
    Open(Open),
    /// Decide what becomes of the part.
    #[command(after_help = "Example: platen nonconformances decide ID reprint --why \"too long\" --by pat")]
    Decide {
        /// The nonconformance's id.
        id: String,
        #[arg(value_enum)]
        decision: Becomes,
        #[arg(long, value_name = "TEXT")]
        why: Line,
        /// To use it as it is: as `to-sign` shows it.
        #[arg(long, required_if_eq("decision", "use-as-is"))]
        digest: Option<FileHash>,
        #[command(flatten)]
        by: By,
    },
    /// Show what would be signed now to use the part as it is, and its digest.
    #[command(after_help = "Example: platen nonconformances to-sign ID")]
    ToSign {
        /// The nonconformance's id.
        id: String,
    },
    /// Close one, when what was decided is done.
    #[command(after_help = "Example: platen nonconformances close ID --capa \"CAPA-12\" --by pat")]
    Close {
        /// The nonconformance's id.
        id: String,
        /// Where what is done against its cause is written down.
        #[arg(long, value_name = "TEXT")]
        capa: Option<Line>,
        #[command(flatten)]
        by: By,
    },
}

/// What becomes of a part.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Becomes {
    Scrap,
    /// Scrapped, and another attempt is planned.
    Reprint,
    /// Processed and inspected anew.
    Rework,
    /// Signed by whoever says so.
    UseAsIs,
}

#[derive(Debug, Args)]
#[group(id = "about", required = true, multiple = false, args = ["part", "case", "lot", "printer"])]
pub struct Open {
    /// It is about this printed part.
    #[arg(long, value_name = "SERIAL")]
    part: Option<Serial>,
    /// It is about this case.
    #[arg(long, value_name = "TOKEN")]
    case: Option<CaseToken>,
    /// It is about this lot.
    #[arg(long)]
    lot: Option<LotId>,
    /// It is about this printer.
    #[arg(long)]
    printer: Option<PrinterName>,
    /// dimension, surface, breakage, incomplete, wrong-file, wrong-material, wrong-side, contamination, labelling,
    /// machine, handling or other
    #[arg(long, value_parser = word::<Cause>)]
    cause: Cause,
    /// minor, major or critical
    #[arg(long, value_parser = word::<Severity>)]
    severity: Severity,
    /// What is wrong; never a patient's name.
    #[arg(long, value_name = "TEXT")]
    what: Text,
    #[command(flatten)]
    by: By,
}

impl Open {
    fn asks(self) -> Result<(By, NewNonconformance), Failed> {
        let about = self.part.map(|serial| About::Part { serial });
        let about = about.or_else(|| self.case.map(|case| About::Case { case }));
        let about = about.or_else(|| self.lot.map(|lot| About::Lot { lot }));
        let about = about.or_else(|| self.printer.map(|printer| About::Printer { printer }));
        let about =
            about.ok_or_else(|| Failed::Usage("name a --part, a --case, a --lot or a --printer".into()))?;
        let (cause, severity, what) = (self.cause, self.severity, self.what);
        Ok((self.by, NewNonconformance { about, cause, severity, what }))
    }
}

impl Nonconformances {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let path = |id: &str, below: &str| format!("/v1/nonconformances/{}{below}", segment(id));
        let now: NonconformanceView = match (self.what, self.id) {
            (Some(What::Open(given)), _) => {
                let (by, new) = given.asks()?;
                by.post(&client, "/v1/nonconformances", new)?
            }
            (Some(What::Decide { id, decision, why, digest, by }), _) => {
                let decision = match (decision, digest) {
                    (Becomes::Scrap, _) => Decision::Scrap {},
                    (Becomes::Reprint, _) => Decision::Reprint {},
                    (Becomes::Rework, _) => Decision::Rework {},
                    (Becomes::UseAsIs, Some(digest)) => Decision::UseAsIs { digest },
                    (Becomes::UseAsIs, None) => {
                        return Err(Failed::Usage("give the --digest that `to-sign` shows".into()));
                    }
                };
                let step = NonconformanceStep::Disposed { decision, why };
                by.post(&client, &path(&id, "/steps"), step)?
            }
            (Some(What::ToSign { id }), _) => {
                let shown: ToSign = client.get(&path(&id, "/to-sign"))?;
                return told(global, &shown, to_sign);
            }
            (Some(What::Close { id, capa, by }), _) => {
                by.post(&client, &path(&id, "/steps"), NonconformanceStep::Closed { capa })?
            }
            (None, Some(id)) => client.get(&path(&id, ""))?,
            (None, None) => {
                let query = self.state.map(|state| format!("?state={}", segment(&state))).unwrap_or_default();
                let all: Vec<NonconformanceView> = client.get(&format!("/v1/nonconformances{query}"))?;
                return told(global, &all, |all| match all.is_empty() {
                    true => show::line("nothing is reported"),
                    false => all.iter().for_each(nonconformance),
                });
            }
        };
        told(global, &now, nonconformance)
    }
}
