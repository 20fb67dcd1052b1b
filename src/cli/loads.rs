//! `platen loads`: which lot is on which printer.

use clap::{Args, Subcommand};

use super::client::segment;
use super::quality::{By, loads, told};
use super::{Client, Failed, Global};
use crate::api::quality::shapes::{LoadView, NewLoad, Unload};
use crate::domain::ids::LotId;

#[derive(Debug, Args)]
pub struct Loads {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// List what is and was loaded on a printer.
    #[command(after_help = "Example: platen loads list mk3-07")]
    List {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
    },
    /// Say that a lot is on a printer now.
    #[command(after_help = "Example: platen loads load mk3-07 LOT --by kim")]
    Load {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The lot's id, as its label has it.
        lot: LotId,
        /// The tool or the tank, from 0 to 7.
        #[arg(long, value_name = "N", default_value_t = 0)]
        slot: u8,
        #[command(flatten)]
        by: By,
    },
    /// Say that a printer's lot was taken off.
    #[command(after_help = "Example: platen loads unload mk3-07 --by kim")]
    Unload {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The tool or the tank, from 0 to 7.
        #[arg(long, value_name = "N", default_value_t = 0)]
        slot: u8,
        #[command(flatten)]
        by: By,
    },
}

impl Loads {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let path = |name: &str, below: &str| format!("/v1/printers/{}/{below}", segment(name));
        let all: Vec<LoadView> = match self.what {
            What::List { name } => client.get(&path(&name, "loads"))?,
            What::Load { name, lot, slot, by } => {
                by.post(&client, &path(&name, "loads"), NewLoad { lot, slot })?
            }
            What::Unload { name, slot, by } => by.post(&client, &path(&name, "unload"), Unload { slot })?,
        };
        told(global, &all, |all| loads(all))
    }
}
