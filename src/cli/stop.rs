//! `platen stop`: emergency stop of one printer or of all, and the way back.

use clap::Args;

use super::client::segment;
use super::{Client, Failed, Global, printers, show};
use crate::api::shapes::{By, PrinterView, StopOrder, Stopped};

#[derive(Debug, Args)]
pub struct Stop {
    /// The printer; all where absent.
    pub printer: Option<String>,
    /// Who stops, or who has looked.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Say that somebody has looked: a stopped or halted printer may be used again. (Its bed: `platen printers clear PRINTER --by NAME`.)
    #[arg(long, value_name = "PRINTER", requires = "by", conflicts_with = "printer")]
    pub clear: Option<String>,
}

impl Stop {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        if let Some(name) = self.clear {
            let by = By { by: self.by.unwrap_or_default() };
            let printer: PrinterView =
                client.post(&format!("/v1/printers/{}/clear-latch", segment(&name)), &by)?;
            if global.json {
                return show::json(&printer);
            }
            printers::one(&printer);
            return Ok(());
        }
        let order = StopOrder { by: self.by, printer: self.printer };
        let stopped: Vec<Stopped> = client.post("/v1/stop", &order)?;
        if global.json {
            show::json(&stopped)?;
        } else {
            for one in &stopped {
                let what = if one.on_wire { "stop sent" } else { "NOT sent: it is not connected" };
                show::line(&format!("{}: {what}", one.printer));
            }
        }
        let missed: Vec<_> =
            stopped.iter().filter(|one| !one.on_wire).map(|one| one.printer.as_str()).collect();
        if missed.is_empty() {
            return Ok(());
        }
        Err(Failed::Finding(format!(
            "no stop could be sent to {}; switch off by hand whichever moves",
            missed.join(", ")
        )))
    }
}
