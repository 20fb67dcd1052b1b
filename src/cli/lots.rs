//! `platen lots`: material in its containers, and where it went.

use clap::{Args, Subcommand};

use super::client::segment;
use super::quality::{By, LabelFile, loads, lots, printed_list, told};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{LotAbout, LotBrief, LotStep, LotView, NewUse, PrintedBrief};
use crate::domain::day::Day;
use crate::domain::ids::JobId;
use crate::domain::quality::words::{Label, Line, Text};
use crate::labels::Scanned;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Lots {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Look at this one only (its id, or the code of its label), and where it went.
    pub lot: Option<String>,
}

/// A lot, and who says so.
#[derive(Debug, Args)]
pub struct Plain {
    /// The lot's id.
    lot: String,
    #[command(flatten)]
    by: By,
}

/// The same with a reason.
#[derive(Debug, Args)]
pub struct Why {
    /// The lot's id.
    lot: String,
    /// The reason.
    #[arg(long, value_name = "TEXT")]
    why: Text,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Take a lot in; it is in quarantine until it is released. Prints its id.
    #[command(
        after_help = "Example: platen lots receive --material PLA --supplier-lot L-2231 --received 2026-11-29 --expires 2027-11-29 --grams 1000 --by sam"
    )]
    Receive(Box<Receive>),
    /// Say that a lot is open from a day on.
    #[command(after_help = "Example: platen lots open LOT --on 2026-11-29 --by sam")]
    Open {
        /// The lot's id.
        lot: String,
        #[arg(long, value_name = "DAY")]
        on: Day,
        #[command(flatten)]
        by: By,
    },
    /// Release a lot: you have looked at its certificate.
    #[command(after_help = "Example: platen lots release LOT --by sam")]
    Release(Plain),
    /// Block a lot.
    #[command(after_help = "Example: platen lots block LOT --why \"it got wet\" --by sam")]
    Block(Why),
    /// Put a blocked lot into quarantine again.
    #[command(after_help = "Example: platen lots unblock LOT --why \"it was dried\" --by sam")]
    Unblock(Why),
    /// Say that nothing is left of a lot.
    #[command(after_help = "Example: platen lots used-up LOT --by sam")]
    UsedUp(Plain),
    /// Recall a lot: it is blocked, and what was printed from it and is in the lab is put into quarantine.
    #[command(after_help = "Example: platen lots recall LOT --why \"the maker's notice 7\" --by sam")]
    Recall(Why),
    /// Note what a job has used of a lot.
    #[command(after_help = "Example: platen lots use LOT --job JOB --grams 12.5 --by sam")]
    Use {
        /// The lot's id.
        lot: String,
        #[arg(long)]
        job: JobId,
        #[arg(long)]
        grams: f64,
        #[command(flatten)]
        by: By,
    },
    /// Write a lot's label as a file for the label printer.
    #[command(after_help = "Example: platen lots label LOT --stock 62x29 --format pdf")]
    Label {
        /// The lot's id.
        lot: String,
        #[command(flatten)]
        file: LabelFile,
    },
    /// List what is looked back at since a lot was recalled.
    #[command(after_help = "Example: platen lots look-back LOT")]
    LookBack {
        /// The lot's id.
        lot: String,
    },
}

#[derive(Debug, Args)]
pub struct Receive {
    /// As jobs name it.
    #[arg(long)]
    material: Label,
    /// The maker's number.
    #[arg(long)]
    supplier_lot: Label,
    #[arg(long)]
    supplier: Option<Label>,
    #[arg(long, value_name = "DAY")]
    received: Day,
    /// The last day on which it may be used.
    #[arg(long, value_name = "DAY")]
    expires: Day,
    /// So many days it may be used once it is open.
    #[arg(long, value_name = "DAYS")]
    open_days: Option<u16>,
    /// Where its certificate is.
    #[arg(long, value_name = "TEXT")]
    certificate: Option<Line>,
    #[arg(long)]
    grams: f64,
    /// g/cm³, where its maker says that; else what the slicer or the material says counts.
    #[arg(long, value_name = "G_PER_CM3")]
    density: Option<f64>,
    #[command(flatten)]
    by: By,
}

impl Lots {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let path = |lot: &str, below: &str| format!("/v1/lots/{}{below}", segment(lot));
        let Some(what) = self.what else {
            if let Some(lot) = &self.lot {
                let lot = match lot.parse() {
                    Ok(Scanned::Lot(scanned)) => scanned.to_string(),
                    _ => lot.clone(),
                };
                let lot: LotView = client.get(&path(&lot, ""))?;
                return told(global, &lot, one);
            }
            let all: Vec<LotBrief> = client.get("/v1/lots")?;
            return told(global, &all, |all| lots(all));
        };
        let (lot, by, step) = match what {
            What::Receive(given) => {
                let about = LotAbout {
                    material: given.material,
                    supplier_lot: given.supplier_lot,
                    supplier: given.supplier,
                    received: given.received,
                    expires: given.expires,
                    open_days: given.open_days,
                    certificate: given.certificate,
                    grams: given.grams,
                    density: given.density,
                };
                let lot: LotView = given.by.post(&client, "/v1/lots", about)?;
                return told(global, &lot, |lot| show::line(&lot.brief.id));
            }
            What::Open { lot, on, by } => (lot, by, LotStep::Opened { on }),
            What::Release(of) => (of.lot, of.by, LotStep::Released {}),
            What::Block(of) => (of.lot, of.by, LotStep::Blocked { why: of.why }),
            What::Unblock(of) => (of.lot, of.by, LotStep::Unblocked { why: of.why }),
            What::UsedUp(of) => (of.lot, of.by, LotStep::Consumed {}),
            What::Recall(of) => (of.lot, of.by, LotStep::Recalled { why: of.why }),
            What::Use { lot, job, grams, by } => {
                let now: LotView = by.post(&client, &path(&lot, "/uses"), NewUse { job, grams })?;
                return told(global, &now, one);
            }
            What::Label { lot, file } => return file.make(&client, &path(&lot, "/label"), &lot),
            What::LookBack { lot } => {
                let all: Vec<PrintedBrief> = client.get(&path(&lot, "/look-back"))?;
                return told(global, &all, |all| printed_list(all));
            }
        };
        let now: LotView = by.post(&client, &path(&lot, "/steps"), step)?;
        told(global, &now, one)
    }
}

fn one(lot: &LotView) {
    let brief = &lot.brief;
    let about = &brief.about;
    show::line(&format!("lot {}: {}", brief.id, show::plain(&brief.words)));
    show::line(&show::plain(&format!(
        "  material {} ({}), expires {}, {} of {} g left{}",
        about.material,
        about.supplier_lot,
        about.expires,
        brief.left_g,
        about.grams,
        if brief.low { ": have another lot at hand" } else { "" }
    )));
    for why in &brief.unusable {
        show::line(&show::plain(&format!("  not now  it {why}")));
    }
    if !lot.loads.is_empty() {
        loads(&lot.loads);
    }
    if !lot.printed.is_empty() {
        printed_list(&lot.printed);
    }
}
